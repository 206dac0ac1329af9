import { create } from 'zustand'
import { nodeAt } from '../workflow/scopes'
import type { Path } from '../workflow/types'
import { catalogue, graph, select, workflow } from './document'

/** What is looked at: the source socket of a value. */
export interface Looked {
  path: Path
  socket: string
}

interface Looking {
  /** What was clicked last. */
  now: Looked | null
  pinned: Looked[]
  tab: 'look' | 'queue' | null
  /** The node that the canvas is to bring into view; a new object each time. */
  goal: { path: Path } | null
}

export const useLooking = create<Looking>(() => ({ now: null, pinned: [], tab: null, goal: null }))

/** Look at a socket's value; an input's is that of the wire that leads there. */
export function lookAt(path: Path, socket: string): void {
  const source = sourceOf(path, socket)
  if (source) useLooking.setState({ now: source, tab: 'look' })
}

function sourceOf(path: Path, socket: string): Looked | undefined {
  if (!socket.startsWith('in:')) return { path, socket }
  const wire = graph().wires.find((wire) => wire.to === path && wire.input === socket)
  return wire && { path: wire.from, socket: wire.output }
}

export function pin(looked: Looked): void {
  useLooking.setState(({ pinned }) => ({ pinned: [...pinned.filter((one) => !same(one, looked)), looked], now: null }))
}

export function unpin(looked: Looked): void {
  useLooking.setState(({ pinned }) => ({ pinned: pinned.filter((one) => !same(one, looked)) }))
}

export function same(a: Looked, b: Looked): boolean {
  return a.path === b.path && a.socket === b.socket
}

/** Look at what the document gives, if nothing is looked at: the first value that a node with an effect takes. */
export function lookAtResult(): void {
  const { now, pinned, tab } = useLooking.getState()
  if (now || pinned.length || tab) return
  const acting = new Set(catalogue().nodes.filter((type) => type.effect).map((type) => type.name))
  const wire = graph().wires.find(({ to }) => acting.has(nodeAt(workflow(), to)?.type ?? ''))
  if (wire) lookAt(wire.from, wire.output)
}

/** Bring a node into view and select it. */
export function goTo(path: Path): void {
  select([path])
  useLooking.setState({ goal: { path } })
}
