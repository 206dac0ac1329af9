import { read, write } from '../workflow/json'
import type { Workflow } from '../workflow/types'
import { open, useEditor, type About } from './document'
import { takeUp, useRun } from './run'

/*
 * Every change is kept in the browser a moment later, under a name of this tab's own; a tab that is loaded again goes
 * on with its draft, and a new one takes over the latest draft that no open tab holds.
 */

const PREFIX = 'diffuscope.draft.'
const MINE = 'diffuscope.tab'
const PAUSE = 400
const KEPT = 8

interface Draft {
  at: number
  workflow: Workflow
  saved: Workflow | null
  about: Omit<About, 'saved'>
  job: string
}

let mine = ''
let timer: ReturnType<typeof setTimeout> | undefined

function keep(): void {
  clearTimeout(timer)
  timer = undefined
  const { about, history } = useEditor.getState()
  const { saved, ...rest } = about
  const draft: Draft = { at: Date.now(), workflow: history.present, saved: saved === history.present ? null : saved, about: rest, job: useRun.getState().job?.id ?? '' }
  try {
    localStorage.setItem(PREFIX + mine, write(draft as never))
  } catch {
    for (const name of drafts().slice(1)) localStorage.removeItem(PREFIX + name) // full: older drafts make room
  }
}

const soon = () => void (timer ??= setTimeout(keep, PAUSE))

/** The names of all drafts, the latest first. */
function drafts(): string[] {
  return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length))
    .sort((a, b) => (load(b)?.at ?? 0) - (load(a)?.at ?? 0))
}

function load(name: string): Draft | null {
  try {
    return read(localStorage.getItem(PREFIX + name) ?? '') as unknown as Draft
  } catch {
    return null
  }
}

async function held(): Promise<Set<string>> {
  const locks = await navigator.locks?.query()
  return new Set((locks?.held ?? []).map((lock) => lock.name ?? ''))
}

/** Go on with the draft of this tab, or with one that was left; gives whether there was any. */
export async function restore(): Promise<boolean> {
  const open_ = await held()
  const own = sessionStorage.getItem(MINE)
  mine = (own && !open_.has(PREFIX + own) ? own : undefined) ?? drafts().find((name) => !open_.has(PREFIX + name)) ?? Math.random().toString(36).slice(2)
  sessionStorage.setItem(MINE, mine)
  void navigator.locks?.request(PREFIX + mine, () => new Promise(() => undefined))
  for (const name of drafts().slice(KEPT)) if (!open_.has(PREFIX + name)) localStorage.removeItem(PREFIX + name)
  const draft = load(mine)
  if (draft) {
    open(draft.workflow, draft.about)
    if (draft.saved) useEditor.setState(({ about }) => ({ about: { ...about, saved: draft.saved! } }))
    if (draft.job) void takeUp(draft.job)
  }
  useEditor.subscribe((state, before) => {
    if (state.history.present !== before.history.present || state.about !== before.about) soon()
  })
  useRun.subscribe((state, before) => {
    if (state.job?.id !== before.job?.id) soon()
  })
  addEventListener('pagehide', keep)
  document.addEventListener('visibilitychange', keep)
  return draft !== null
}

