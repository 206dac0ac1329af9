import { create } from 'zustand'
import { toast } from '../fields/toasts'
import { api, Refused } from '../server/api'
import { listen, useOnline } from '../server/socket'
import type { CallRecord, Fault, Job, Order, ServerEvent } from '../server/types'
import type { Path } from '../workflow/types'
import { t } from './texts'
import { useEditor, workflow } from './document'
import { goTo, lookAtResult } from './looking'
import { indexed, iterationsOf, type PlanIndex } from './plan'

/** What the latest run did at a node, all its calls together. */
export interface NodeRun {
  /** The call that runs: how far it is, 0 … 1. */
  fraction: number | null
  finished: number
  cached: number
  seconds: number
  bytes: number
  error: string
  /** The value it gave last. */
  key: string
  preview: { key: string; output: string } | null
}

interface Running {
  /** What the document would do, and where its values are; null until it is known, or while it has faults. */
  plan: PlanIndex | null
  faults: Fault[]
  /** The job that this document sent last. */
  job: Job | null
  nodes: Readonly<Record<Path, NodeRun>>
  done: number
  of: number
  /** Keys of values that were told to be finished since the plan was made. */
  made: ReadonlySet<string>
  /** Loop → the iteration that its nodes show; the last if there is none. */
  inspect: Readonly<Record<Path, number>>
  /** Axis → the value that swept nodes show, by index. */
  at: Readonly<Record<string, number>>
}

const NOTHING = { nodes: {}, done: 0, of: 0, made: new Set<string>() }
const IDLE: NodeRun = { fraction: null, finished: 0, cached: 0, seconds: 0, bytes: 0, error: '', key: '', preview: null }

export const useRun = create<Running>(() => ({ plan: null, faults: [], job: null, ...NOTHING, inspect: {}, at: {} }))

export function isActive(job: Job | null): boolean {
  return job?.state === 'queued' || job?.state === 'running'
}

/** What would be sent: the document with its sweeps. */
export function order(only?: string): Order {
  const { about, history } = useEditor.getState()
  const present = history.present
  const sweeps = present.layout?.['#sweeps'] ?? {}
  return { workflow: present, ...(about.name ? { name: about.name } : {}), sweeps, ...(only ? { only } : {}) }
}

// ── planning ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const PAUSE = 250
let asked: AbortController | undefined
let timer: ReturnType<typeof setTimeout> | undefined

/** Ask what the document would do, a moment after the last change. */
export function planSoon(pause = PAUSE): void {
  clearTimeout(timer)
  timer = setTimeout(() => void planNow(), pause)
}

async function planNow(): Promise<void> {
  asked?.abort()
  asked = new AbortController()
  if (Object.keys(workflow().nodes).length === 0) return useRun.setState({ plan: null, faults: [] })
  try {
    const plan = indexed(await api.plan(order(), asked.signal))
    useRun.setState(({ inspect, at }) => ({ plan, faults: [], made: new Set(), ...stillThere(plan, inspect, at) }))
  } catch (error) {
    if (!(error instanceof Refused) || error.status === 0) return // another question came first, or nobody answers
    const faults = error.faults.length ? error.faults : [{ where: '', message: error.message, hint: '' }]
    useRun.setState({ plan: null, faults })
  }
}

/** Of the chosen iterations and values of axes, those that a plan has. */
function stillThere(plan: PlanIndex, inspect: Running['inspect'], at: Running['at']): Pick<Running, 'inspect' | 'at'> {
  const planned = ([loop, i]: [Path, number]) => iterationsOf(plan, loop, { inspect: {}, at: {} }).includes(i)
  return {
    inspect: Object.fromEntries(Object.entries(inspect).filter(planned)),
    at: Object.fromEntries(Object.entries(at).filter(([axis, i]) => i < (plan.axes[axis]?.length ?? 0))),
  }
}

// ── running ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Run the document, or of it what one top-level node needs. */
export async function run(only?: Path): Promise<void> {
  try {
    const job = await api.send(order(only), crypto.randomUUID?.() ?? String(Math.random()))
    useRun.setState({ job, ...NOTHING, faults: [] })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    if (error.faults.length) useRun.setState({ faults: error.faults })
    toast(error.status === 0 ? t.now('noServer') : error.message, { kind: 'bad' })
  }
}

export async function cancel(): Promise<void> {
  const { job } = useRun.getState()
  if (!isActive(job) || !job) return
  try {
    useRun.setState({ job: await api.change(job.id, 'cancel') })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    toast(error.message, { kind: 'bad' })
  }
}

/** Take up a job that was sent before the page was loaded: what it has done, and what it does. */
export async function takeUp(id: string): Promise<void> {
  try {
    const job = await api.job(id)
    useRun.setState({ job, ...NOTHING })
    for (let after = 0; ; ) {
      const { calls, next } = await api.calls(id, after)
      useRun.setState((state) => told(state, calls.map((call) => ({ ...call, job: id })) as (CallRecord & { job: string })[]))
      if (next === null) break
      after = next
    }
    useRun.setState({ of: job.calls })
  } catch (error) {
    if (!(error instanceof Refused)) throw error // forgotten, or nobody answers: then there is nothing to take up
  }
}

/** `sample[3].denoise @ strength=0.75` → `sample.denoise` */
export function pathOf(label: string): Path {
  return (label.split(' @ ')[0] ?? '').replace(/\[-?\d+\]/g, '')
}

type Told = ServerEvent | (CallRecord & { job: string })

/** What the events of the document's job change. */
function told(state: Running, events: Told[]): Partial<Running> {
  const nodes: Record<Path, NodeRun> = { ...state.nodes }
  const made = new Set(state.made)
  let { done, of, job } = state
  const at = (label: string, change: Partial<NodeRun>) => {
    const path = pathOf(label)
    nodes[path] = { ...(nodes[path] ?? IDLE), ...change }
  }
  const have = (label: string) => nodes[pathOf(label)] ?? IDLE
  for (const event of events) {
    if (event.job !== job?.id) continue
    if (event.event === 'started') at(event.label, { fraction: 0 })
    else if (event.event === 'progress') {
      ;({ done, of } = event)
      if (event.label) at(event.label, { fraction: event.fraction, ...(event.preview ? { preview: event.preview } : {}) })
    } else if (event.event === 'finished') {
      const { finished, cached, seconds, bytes } = have(event.label)
      made.add(event.key)
      at(event.label, {
        fraction: null, error: '', finished: finished + 1, cached: cached + Number(event.cached),
        seconds: seconds + (event.cached ? 0 : Number(event.seconds)), bytes: bytes + Number(event.bytes), key: event.key,
      })
    } else if (event.event === 'failed') at(event.label, { fraction: null, error: event.error })
    else if (event.event === 'planned') {
      for (const path of Object.keys(nodes)) nodes[path] = IDLE
      of = event.run
    } else if (event.event === 'queue' && job) job = { ...job, state: event.state }
    else if (event.event === 'done' && job) job = { ...job, errors: event.errors }
  }
  if (!isActive(job)) for (const [path, node] of Object.entries(nodes)) if (node.fraction !== null) nodes[path] = { ...node, fraction: null }
  return { nodes, made, done, of, job }
}

/** Begin to hear of jobs and to plan after every change; once, when the page opens. */
export function attend(): void {
  listen((events) => {
    const before = useRun.getState()
    const ours = events.filter((event) => event.job === before.job?.id)
    if (ours.length === 0) return
    useRun.setState(told(before, ours))
    const { job } = useRun.getState()
    if (isActive(before.job) && !isActive(job)) ended(job)
  })
  useEditor.subscribe((state, before) => {
    if (state.history.present !== before.history.present) planSoon()
  })
  useOnline.subscribe((state, before) => {
    if (state.online && !before.online) planSoon(0)
  })
}

async function ended(job: Job | null): Promise<void> {
  planSoon(0)
  if (!job) return
  if (job.state === 'done') {
    toast(t.now('done'), { kind: 'good' })
    lookAtResult()
  }
  if (job.state === 'failed') {
    const [path] = Object.entries(useRun.getState().nodes).find(([, node]) => node.error) ?? []
    const action = path === undefined ? {} : { action: { label: t.now('goThere'), run: () => goTo(path) } }
    toast(job.errors[0] ?? t.now('failed'), { kind: 'bad', ...action })
  }
  const full = await api.job(job.id).catch(() => null)
  if (full && useRun.getState().job?.id === job.id) useRun.setState({ job: full })
}

/** Let the nodes of a loop show an iteration. */
export function inspect(loop: Path, iteration: number): void {
  useRun.setState(({ inspect }) => ({ inspect: { ...inspect, [loop]: iteration } }))
}

/** Let swept nodes show the value of an axis. */
export function choose(axis: string, index: number): void {
  useRun.setState(({ at }) => ({ at: { ...at, [axis]: index } }))
}
