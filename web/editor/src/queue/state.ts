import { create } from 'zustand'
import { api } from '../server/api'
import { listen, useOnline } from '../server/socket'
import type { ServerEvent } from '../server/types'

/** How far a job is: calls that are done, of how many, and how far the one that runs is (0 … 1). */
export interface Progress {
  done: number
  of: number
  fraction: number
  label: string
}

interface Queue {
  running: number
  queued: number
  /** Job → how far it is, while it runs. */
  progress: Readonly<Record<string, Progress>>
  /** Larger whenever the lists of jobs may have changed; at most twice a second. */
  changed: number
}

const PAUSE = 500

/** What runs and what waits, as far as the toolbar and the panel of the queue need to know at once. */
export const useQueue = create<Queue>(() => ({ running: 0, queued: 0, progress: {}, changed: 0 }))

/** What events tell: counts and progress. */
export function heard(state: Queue, events: ServerEvent[]): Omit<Queue, 'changed'> {
  let { running, queued } = state
  const progress: Record<string, Progress> = { ...state.progress }
  for (const event of events) {
    if (event.event === 'queue') {
      ;({ running, queued } = event)
      if (event.state !== 'running') delete progress[event.job]
    } else if (event.event === 'planned') progress[event.job] = { done: 0, of: event.run, fraction: 0, label: '' }
    else if (event.event === 'progress') {
      const { done, of, fraction, label } = event
      progress[event.job] = { done, of, fraction, label }
    }
  }
  return { running, queued, progress }
}

let timer: ReturnType<typeof setTimeout> | undefined
let last = -Infinity

/** Say that the lists may have changed, at once or as soon as the pause is over. */
function touch(): void {
  timer ??= setTimeout(() => {
    timer = undefined
    last = performance.now()
    useQueue.setState(({ changed }) => ({ changed: changed + 1 }))
  }, Math.max(0, last + PAUSE - performance.now()))
}

/** Ask how many there are; a break of the line may have hidden it. */
async function count(): Promise<void> {
  touch()
  const stats = await api.stats().catch(() => null) // no answer: the next event tells
  if (stats) useQueue.setState({ running: stats.jobs.running, queued: stats.jobs.queued })
}

listen((events) => {
  useQueue.setState(heard(useQueue.getState(), events))
  if (events.some(({ event }) => event === 'reset')) void count()
  if (events.some(({ event }) => event === 'queue' || event === 'done')) touch()
})

useOnline.subscribe((state, before) => {
  if (state.seen !== before.seen) void count()
})
