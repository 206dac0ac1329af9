import type { Graph, Link } from './graph'
import { isInner } from './references'
import { INPUTS, parentOf, within } from './scopes'
import type { Path } from './types'

/** Nodes of the same level → those whose values they need, directly. */
const needs = new WeakMap<Graph, Map<Path, Set<Path>>>()

function needsOf(graph: Graph): Map<Path, Set<Path>> {
  const known = needs.get(graph)
  if (known) return known
  const found = new Map<Path, Set<Path>>()
  for (const wire of graph.wires) {
    const ends = siblings(wire)
    if (!ends) continue
    const needed = found.get(ends.reader)
    if (needed) needed.add(ends.source)
    else found.set(ends.reader, new Set([ends.source]))
  }
  needs.set(graph, found)
  return found
}

/** The two nodes of one level between which a link makes an order; null where there is none. */
export function siblings({ from, output, to, input }: Link): { level: Path | null; source: Path; reader: Path } | null {
  if (from === INPUTS || output.startsWith('item:')) return null
  const inner = isInner(input)
  let level = parentOf(from)
  while (!within(inner ? to : parentOf(to), level)) level = parentOf(level!)
  // What a loop hands on comes after all of its body.
  if (inner && to === level) return null
  const at = (path: Path) => {
    const end = path.indexOf('.', level === null ? 0 : level.length + 1)
    return end < 0 ? path : path.slice(0, end)
  }
  return { level, source: at(from), reader: at(to) }
}

/** Whether a link would make a node wait for itself. */
export function closesCircle(graph: Graph, link: Link): boolean {
  const ends = siblings(link)
  return ends !== null && (ends.source === ends.reader || upstream(graph, ends.source).has(ends.reader))
}

/** Whether there is a node that waits for itself. */
export function hasCircle(graph: Graph): boolean {
  const needed = needsOf(graph)
  const done = new Set<Path>()
  const waiting = new Map(Array.from(needed, ([path, sources]) => [path, sources.size]))
  const readers = new Map<Path, Path[]>()
  for (const [path, sources] of needed) for (const source of sources) readers.set(source, [...(readers.get(source) ?? []), path])
  const ready = [...readers.keys()].filter((path) => !waiting.has(path))
  for (const path of ready) {
    done.add(path)
    for (const reader of readers.get(path) ?? []) {
      waiting.set(reader, waiting.get(reader)! - 1)
      if (waiting.get(reader) === 0) ready.push(reader)
    }
  }
  return [...needed.keys()].some((path) => !done.has(path))
}

const upstreams = new WeakMap<Graph, Map<Path, Set<Path>>>()

/** The nodes of a node's level that it depends on, and itself. */
export function upstream(graph: Graph, path: Path): ReadonlySet<Path> {
  let known = upstreams.get(graph)
  if (!known) upstreams.set(graph, (known = new Map()))
  let found = known.get(path)
  if (!found) {
    const needed = needsOf(graph)
    known.set(path, (found = new Set([path])))
    for (const one of found) for (const source of needed.get(one) ?? []) found.add(source)
  }
  return found
}
