import { create } from 'zustand'
import type { ServerEvent } from './types'

type Listener = (events: ServerEvent[]) => void

/** Events are handed on at most this often, so that a quick run draws no more than ten times a second. */
const PAUSE = 100
const RETRY = [500, 1000, 2000, 4000]

const listeners = new Set<Listener>()
let last: number | null = null
let waiting: ServerEvent[] = []
let timer: ReturnType<typeof setTimeout> | undefined

/** Whether the server answers; `seen` counts the times that it came back. */
export const useOnline = create<{ online: boolean; seen: number }>(() => ({ online: true, seen: 0 }))

/** Hear what happens to any job, several events at a time; gives the way to stop. */
export function listen(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Follow the server from an event on; it comes back after every break, and misses nothing. */
export function follow(after: number): void {
  last = after
  connect(0)
}

function connect(attempt: number): void {
  const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/ws?after=${last ?? 0}`)
  socket.onopen = () => {
    attempt = 0
    useOnline.setState(({ seen }) => ({ online: true, seen: seen + 1 }))
  }
  socket.onmessage = ({ data }) => {
    const event = JSON.parse(String(data)) as ServerEvent
    if (event.number !== undefined) last = event.number
    waiting.push(event)
    timer ??= setTimeout(flush, PAUSE)
  }
  socket.onclose = () => {
    useOnline.setState({ online: false })
    setTimeout(() => connect(attempt + 1), RETRY[Math.min(attempt, RETRY.length - 1)])
  }
}

function flush(): void {
  timer = undefined
  const events = waiting
  waiting = []
  for (const listener of listeners) listener(events)
}
