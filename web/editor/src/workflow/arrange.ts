import { Graph, layout as order } from '@dagrejs/dagre'
import { drawnAt, setPlaces } from './drawing'
import { write } from './json'
import { siblings } from './order'
import { cornerOf, placeOf, soundLayout } from './places'
import { isEmpty, own } from './records'
import { mapReferences } from './references'
import { resolve } from './resolve'
import { allPaths, INPUTS, join, loopAt, nodesAt, parentOf } from './scopes'
import type { Layout, Path, Place, Workflow } from './types'

/** Width and height of what stands on the canvas; of a loop's frame the least it can have. */
export type Sizes = (path: Path) => readonly [number, number]

/** What a loop's frame has around its body: the head, and an edge with sockets on either side. */
export const LOOP = { top: 64, side: 150, bottom: 16 }

/** Between columns, and between what stands in one. */
const GAP = { x: 72, y: 28 }
/** Between a loop's edges and its body. */
export const PAD = 24

/** Between two nodes of a level. */
interface Link {
  source: Path
  reader: Path
}

/** Everything from left to right in the order of the data, bodies of loops first. Notes and frames stay where they are. */
export function arrange(workflow: Workflow, sizes: Sizes): Layout {
  const links = linksByLevel(workflow)
  const places = new Map<Path, Place>()
  const arrangeLevel = (loop: Path | null) => {
    const paths = Object.keys(nodesAt(workflow, loop) ?? {}).map((name) => join(loop, name))
    const boxes = new Map(paths.map((path) => {
      if (!loopAt(workflow, path)) return [path, sizes(path)]
      arrangeLevel(path)
      return [path, frameAround(workflow, path, places, sizes)]
    }))
    const corners = inColumns(boxes, links.get(loop) ?? [])
    const [dx, dy] = loop === null ? [0, 0] : [LOOP.side + PAD, LOOP.top + PAD]
    for (const [path, [x, y]] of corners) places.set(path, [x + dx, y + dy, ...(loopAt(workflow, path) ? boxes.get(path)! : [])] as Place)
  }
  arrangeLevel(null)
  if (!isEmpty(workflow.inputs)) places.set(INPUTS, [-sizes(INPUTS)[0] - GAP.x, 0])
  const drawn = Object.entries(workflow.layout ?? {}).filter(([path]) => path.startsWith('#') && path !== INPUTS)
  return Object.fromEntries([...places, ...drawn])
}

/** Which nodes of a level read which; by the loop, null for the top. */
function linksByLevel(workflow: Workflow): Map<Path | null, Link[]> {
  const found = new Map<Path | null, Link[]>()
  mapReferences(workflow, (reference, scope, to, input) => {
    const source = resolve(scope, reference)
    const ends = source && siblings({ from: source.path, output: source.output, to, input })
    if (ends) found.set(ends.level, [...(found.get(ends.level) ?? []), ends])
    return reference
  })
  return found
}

/** Boxes in columns, each right of those that it reads; gives their corners, of which the first is at 0, 0. */
function inColumns(boxes: Map<Path, readonly [number, number]>, links: Link[]): Map<Path, [number, number]> {
  const graph = new Graph()
  graph.setGraph({ rankdir: 'LR', nodesep: GAP.y, ranksep: GAP.x, ranker: 'tight-tree' })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const [path, [width, height]] of boxes) graph.setNode(path, { width, height })
  for (const { source, reader } of near([...boxes.keys()], links)) graph.setEdge(source, reader)
  order(graph)
  const corners = Array.from(boxes, ([path, [width, height]]): [Path, number, number] => {
    const { x, y } = graph.node(path) as { x: number; y: number }
    return [path, x - width / 2, y - height / 2]
  })
  const left = Math.min(...corners.map(([, x]) => x))
  const top = Math.min(...corners.map(([, , y]) => y))
  return new Map(corners.map(([path, x, y]) => [path, [Math.round(x - left), Math.round(y - top)]]))
}

/** Links over more columns than this cost much to draw around, and say little of where their ends belong. */
const FAR = 8

/** Those links that say where nodes belong: the far ones only where an end has no nearer. */
function near(paths: Path[], links: Link[]): Link[] {
  const columns = columnsOf(paths, links)
  const span = ({ source, reader }: Link) => (columns.get(reader) ?? 0) - (columns.get(source) ?? 0)
  const linked = new Set<Path>()
  return links.toSorted((a, b) => span(a) - span(b)).filter((link) => {
    const needed = span(link) <= FAR || !linked.has(link.reader) || !linked.has(link.source)
    if (needed && link.source !== link.reader) linked.add(link.reader).add(link.source)
    return needed && link.source !== link.reader
  })
}

/** How many nodes stand before each, in the longest row of them. */
function columnsOf(paths: Path[], links: Link[]): Map<Path, number> {
  const readers = new Map<Path, Path[]>(paths.map((path) => [path, []]))
  const waiting = new Map<Path, number>(paths.map((path) => [path, 0]))
  for (const { source, reader } of links) {
    readers.get(source)?.push(reader)
    waiting.set(reader, (waiting.get(reader) ?? 0) + 1)
  }
  const columns = new Map<Path, number>(paths.map((path) => [path, 0]))
  const ready = paths.filter((path) => !waiting.get(path))
  for (const path of ready) {
    for (const reader of readers.get(path)!) {
      columns.set(reader, Math.max(columns.get(reader)!, columns.get(path)! + 1))
      waiting.set(reader, waiting.get(reader)! - 1)
      if (!waiting.get(reader)) ready.push(reader)
    }
  }
  return columns
}

/** How large a loop's frame must be to hold its body. */
function frameAround(workflow: Workflow, loop: Path, places: ReadonlyMap<Path, Place>, sizes: Sizes): [number, number] {
  let [width, height] = sizes(loop)
  for (const name of Object.keys(nodesAt(workflow, loop) ?? {})) {
    const path = join(loop, name)
    const place = places.get(path)
    if (!place) continue
    const [w, h] = sizeOf(place, path, sizes)
    width = Math.max(width, place[0] + w + PAD + LOOP.side)
    height = Math.max(height, place[1] + h + PAD + LOOP.bottom)
  }
  return [width, height]
}

function sizeOf(place: Place, path: Path, sizes: Sizes): readonly [number, number] {
  return place.length === 4 ? [place[2], place[3]] : sizes(path)
}

/**
 * The workflow with a place for everything that has none yet. What has one stays there; frames of loops grow to hold their
 * bodies, and what a file has in its layout that is no layout is gone.
 */
export function withLayout(workflow: Workflow, sizes: Sizes): Workflow {
  const sound = soundLayout(workflow.layout)
  const paths = allPaths(workflow)
  if (!paths.some((path) => own(sound, path))) return withPlaces(workflow, arrange({ ...workflow, layout: sound }, sizes))

  let arranged: Layout | undefined
  const ideal = (path: Path) => own((arranged ??= arrange(workflow, sizes)), path) as Place
  const links = linksByLevel(workflow)
  const places = new Map(Object.entries(sound)) as Map<Path, Place>
  // From the inside out, as the size of a frame says where there is room beside it.
  for (const loop of [...paths.filter((path) => loopAt(workflow, path)).reverse(), null]) {
    const level = Object.keys(nodesAt(workflow, loop) ?? {}).map((name) => join(loop, name))
    const frames = new Map(level.filter((path) => loopAt(workflow, path)).map((path) => [path, frameAround(workflow, path, places, sizes)]))
    const size = (path: Path) => frames.get(path) ?? sizes(path)
    const none = level.every((path) => !places.has(path))
    for (const path of level) {
      const place = places.get(path) ?? (none ? ideal(path) : freePlace(path, level, links.get(loop) ?? [], places, size))
      const [width, height] = place.length === 4 ? [place[2], place[3]] : [0, 0]
      const frame = frames.get(path)
      const [x, y] = place
      places.set(path, frame ? [x, y, Math.max(width, frame[0]), Math.max(height, frame[1])] : place)
    }
  }
  if (!isEmpty(workflow.inputs) && !places.has(INPUTS)) {
    const tops = Object.keys(workflow.nodes).map((name) => places.get(name)!)
    places.set(INPUTS, [Math.min(...tops.map(([x]) => x)) - sizes(INPUTS)[0] - GAP.x, Math.min(...tops.map(([, y]) => y))])
  }
  return withPlaces(workflow, Object.fromEntries(places))
}

/** The same workflow where the layout is the same. */
function withPlaces(workflow: Workflow, layout: Layout): Workflow {
  return write(layout) === write(workflow.layout ?? {}) ? workflow : { ...workflow, layout }
}

/** Right of what a node reads, as far down as needed to lie on nothing. */
function freePlace(path: Path, level: Path[], links: Link[], places: ReadonlyMap<Path, Place>, sizes: Sizes): Place {
  const box = (other: Path) => {
    const place = places.get(other)
    if (!place) return []
    const [width, height] = sizeOf(place, other, sizes)
    return [{ left: place[0], top: place[1], right: place[0] + width, bottom: place[1] + height }]
  }
  const others = level.flatMap(box)
  const sources = links.filter(({ reader, source }) => reader === path && source !== path).flatMap(({ source }) => box(source))
  const x = sources.length ? Math.max(...sources.map(({ right }) => right)) + GAP.x : Math.min(...others.map(({ left }) => left))
  let y = Math.min(...(sources.length ? sources : others).map(({ top }) => top))
  const [width, height] = sizes(path)
  for (const { left, top, right, bottom } of others.toSorted((a, b) => a.top - b.top)) {
    if (left < x + width && right > x && top < y + height + GAP.y && bottom + GAP.y > y) y = bottom + GAP.y
  }
  return [x, y]
}

/** To one edge, to one middle, or with equal room between: beside one another, or below. */
export type Alignment = 'left' | 'right' | 'top' | 'bottom' | 'centre' | 'middle' | 'columns' | 'rows'

/** Nodes brought into line. */
export function align(workflow: Workflow, paths: readonly Path[], sizes: Sizes, how: Alignment): Workflow {
  const boxes = paths.flatMap((path) => {
    const drawn = drawnAt(path)
    const place = drawn ? workflow.layout?.[drawn.list]?.[drawn.index]?.at : placeOf(workflow, path)
    if (!place) return []
    const corner = cornerOf(workflow, path.startsWith('#') ? null : parentOf(path))
    return [{ path, corner, at: [place[0] + corner[0], place[1] + corner[1]] as [number, number], size: sizeOf(place, path, sizes) }]
  })
  const axis = how === 'left' || how === 'right' || how === 'centre' || how === 'columns' ? 0 : 1
  const first = Math.min(...boxes.map(({ at }) => at[axis]))
  const last = Math.max(...boxes.map(({ at, size }) => at[axis] + size[axis]))
  const taken = boxes.reduce((sum, { size }) => sum + size[axis], 0)
  const room = (last - first - taken) / Math.max(1, boxes.length - 1)
  let next = first
  const places = boxes.toSorted((a, b) => a.at[axis] - b.at[axis]).map(({ path, corner, at, size }): [Path, Place] => {
    const to: [number, number] = [...at]
    if (how === 'left' || how === 'top') to[axis] = first
    else if (how === 'right' || how === 'bottom') to[axis] = last - size[axis]
    else if (how === 'centre' || how === 'middle') to[axis] = (first + last - size[axis]) / 2
    else to[axis] = next
    next += size[axis] + room
    return [path, [Math.round(to[0] - corner[0]), Math.round(to[1] - corner[1])]]
  })
  return setPlaces(workflow, Object.fromEntries(places))
}
