import { Position, type Edge as FlowEdge, type Node as FlowNode } from '@xyflow/react'
import type { Catalogue } from '../server/types'
import type { Graph } from '../workflow/graph'
import { LOOP } from '../workflow/arrange'
import { typeOf } from '../workflow/kinds'
import { allPaths, nodeAt, parentOf } from '../workflow/scopes'
import { isRepeat, type Path, type Place, type Workflow } from '../workflow/types'
import { axisSize, builtinOf, cardSize, inputsSize, loopSockets, placeholderSize, sizer, type Size, type Socket } from './sizes'

const HANDLE = 12
const NOTHING = {}

/** What React Flow draws: a node for every node, note and frame of the document, those in a loop within its frame. */
export function flowNodes(workflow: Workflow, catalogue: Catalogue, graph: Graph, selected: ReadonlySet<Path>, before: readonly FlowNode[]): FlowNode[] {
  const layout = workflow.layout ?? {}
  const least = sizer(workflow, catalogue)
  const readers = new Map<Path, string[]>()
  for (const wire of graph.wires) readers.set(wire.from, [...(readers.get(wire.from) ?? []), wire.output.slice('out:'.length)])
  const nodes: FlowNode[] = []
  const add = (id: Path, type: string, place: Place, size: Size, more: Partial<FlowNode> = {}) =>
    nodes.push({
      id, type, data: NOTHING, position: { x: place[0], y: place[1] }, width: size.width, height: size.height, measured: { width: size.width, height: size.height }, selected: selected.has(id),
      handles: size.sockets.map(flowHandle), ...more,
    })
  layout['#frames']?.forEach((frame, i) => add(`#frame:${i}`, 'frame', frame.at, drawnSize(frame.at, 300, 200), { zIndex: -10 }))
  if (Object.keys(workflow.inputs ?? {}).length || layout['#inputs']) add('#inputs', 'inputs', layout['#inputs'] ?? [-360, 0], inputsSize(workflow, catalogue))
  for (const path of allPaths(workflow)) {
    const node = nodeAt(workflow, path)!
    const parent = parentOf(path)
    const place = (layout[path] as Place | undefined) ?? [0, 0]
    const more: Partial<FlowNode> = parent === null ? {} : { parentId: parent }
    if (isRepeat(node)) {
      const [width, height] = least(path)
      const size = { width: Math.max(place[2] ?? 0, width), height: Math.max(place[3] ?? 0, height) }
      add(path, 'loop', place, { ...size, sockets: loopSockets(node, size.width) }, { ...more, zIndex: -1 })
    } else {
      const type = typeOf(catalogue, node)
      const size = builtinOf(catalogue, node.type) ? axisSize() : type ? cardSize(type, catalogue) : placeholderSize(node, [...new Set(readers.get(path) ?? [])])
      add(path, 'card', place, size, more)
    }
  }
  layout['#notes']?.forEach((note, i) => add(`#note:${i}`, 'note', note.at, drawnSize(note.at, 200, 100)))
  const known = new Map(before.map((node) => [node.id, node]))
  return nodes.map((node) => kept(known.get(node.id), node))
}

/** The node as it was, if nothing about it has changed, so that it is not drawn again. */
function kept(before: FlowNode | undefined, now: FlowNode): FlowNode {
  if (!before) return now
  const same =
    before.type === now.type && before.position.x === now.position.x && before.position.y === now.position.y && before.width === now.width &&
    before.height === now.height && Boolean(before.selected) === now.selected && before.parentId === now.parentId &&
    before.handles?.length === now.handles?.length && before.handles?.every((handle, i) => handle.id === now.handles![i]!.id)
  return same ? before : { ...before, ...now, ...(now.parentId ? {} : { parentId: undefined as never }) }
}

function drawnSize(place: Place, width: number, height: number): Size {
  return { width: place[2] ?? width, height: place[3] ?? height, sockets: [] }
}

function flowHandle({ id, side, type, x, y }: Socket) {
  return { id, type, position: side === 'left' ? Position.Left : Position.Right, x: x - HANDLE / 2, y: y - HANDLE / 2, width: HANDLE, height: HANDLE }
}

/** The wires as React Flow has them; a wire that has not changed keeps its identity. */
export function flowEdges(graph: Graph, words: (from: string, to: string) => string, before: readonly FlowEdge[]): FlowEdge[] {
  const known = new Map(before.map((edge) => [edge.id, edge]))
  return graph.wires.map((wire) => {
    const found = known.get(wire.id)
    const ariaLabel = words(`${wire.from} ${wire.output}`, `${wire.to} ${wire.input}`)
    if (found && found.data?.kind === wire.kind && found.data.every === wire.every && found.ariaLabel === ariaLabel) return found
    return {
      id: wire.id, type: 'wire', source: wire.from, sourceHandle: wire.output, target: wire.to, targetHandle: wire.input,
      data: { kind: wire.kind, every: wire.every }, ariaLabel,
    }
  })
}

/** Where the innermost loop is whose frame holds a point of the canvas; those given are left out, as nothing is put into itself. */
export function loopUnder(nodes: readonly FlowNode[], point: { x: number; y: number }, except: ReadonlySet<Path>): Path | null {
  const absolute = positions(nodes)
  let found: Path | null = null
  for (const node of nodes) {
    if (node.type !== 'loop' || except.has(node.id) || [...except].some((path) => node.id.startsWith(`${path}.`))) continue
    const { x, y } = absolute.get(node.id)!
    const inside = point.x > x && point.x < x + (node.width ?? 0) && point.y > y && point.y < y + (node.height ?? 0)
    if (inside && (found === null || node.id.length > found.length)) found = node.id
  }
  return found
}

/** Where nodes are on the canvas, not in their frames. */
export function positions(nodes: readonly FlowNode[]): Map<Path, { x: number; y: number }> {
  const table = new Map(nodes.map((node) => [node.id, node]))
  const found = new Map<Path, { x: number; y: number }>()
  const at = (node: FlowNode): { x: number; y: number } => {
    const known = found.get(node.id)
    if (known) return known
    const parent = node.parentId ? table.get(node.parentId) : undefined
    const origin = parent ? at(parent) : { x: 0, y: 0 }
    const place = { x: origin.x + node.position.x, y: origin.y + node.position.y }
    found.set(node.id, place)
    return place
  }
  for (const node of nodes) at(node)
  return found
}

/** A frame as large as its body needs. */
export function grown(workflow: Workflow, catalogue: Catalogue, loop: Path): Place | null {
  const place = workflow.layout?.[loop] as Place | undefined
  const node = nodeAt(workflow, loop)
  if (!place || !node || !isRepeat(node)) return null
  const size = sizer(workflow, catalogue)
  let [width, height] = size(loop)
  for (const name of Object.keys(node.body)) {
    const [x = 0, y = 0, w, h] = (workflow.layout?.[`${loop}.${name}`] as Place | undefined) ?? []
    const [cardWidth, cardHeight] = size(`${loop}.${name}`)
    width = Math.max(width, x + (w ?? cardWidth) + LOOP.side)
    height = Math.max(height, y + (h ?? cardHeight) + LOOP.bottom)
  }
  return [place[0], place[1], Math.max(place[2] ?? 0, width), Math.max(place[3] ?? 0, height)]
}
