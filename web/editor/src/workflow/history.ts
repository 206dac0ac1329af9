import type { Workflow } from './types'

/** What was, what is, and what was undone, next first. */
export interface History {
  past: readonly Workflow[]
  present: Workflow
  future: readonly Workflow[]
  /** The gesture that made the present; more of it takes its place. */
  merge?: string | undefined
}

/** As many steps can be undone. */
export const MOST = 500

export function started(workflow: Workflow): History {
  return { past: [], present: workflow, future: [] }
}

/** An edit more. Edits of the same `merge`, one right after the other, are one. */
export function push(history: History, workflow: Workflow, merge?: string): History {
  if (workflow === history.present) return history
  const same = merge !== undefined && merge === history.merge
  return { past: same ? history.past : [...history.past, history.present].slice(-MOST), present: workflow, future: [], merge }
}

/** The gesture is over: the next edit is another, whatever it is called. */
export function settled(history: History): History {
  return history.merge === undefined ? history : { ...history, merge: undefined }
}

export function undone(history: History): History {
  const present = history.past.at(-1)
  return present ? { past: history.past.slice(0, -1), present, future: [history.present, ...history.future] } : history
}

export function redone(history: History): History {
  const [present, ...future] = history.future
  return present ? { past: [...history.past, history.present], present, future } : history
}
