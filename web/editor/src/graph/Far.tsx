import { getBezierPath, Position, ViewportPortal, type Edge as FlowEdge, type Node as FlowNode, type NodeProps } from '@xyflow/react'
import { memo } from 'react'
import { useEditor, useWorkflow } from '../state/document'
import { useRun } from '../state/run'
import { useLanguage } from '../text/text'
import { typeOf } from '../workflow/kinds'
import { nodeAt } from '../workflow/scopes'
import { tinted } from './colours'
import { FrameCard, NoteCard } from './Drawn'
import { positions } from './flow'
import { builtinOf } from './sizes'
import { t } from './texts'

/*
 * A large workflow from far away: what could not be read is not drawn, so that hundreds of nodes move as quickly as a few.
 */

/** Below this zoom, and with more nodes than this. */
export const FAR = 0.5
export const MANY = 60

/** A box with a title, in the place of a card or a loop's frame. */
const FarCard = memo(function FarCard({ id, type: shape, selected }: NodeProps) {
  const say = t()
  const node = useWorkflow((workflow) => nodeAt(workflow, id))
  const catalogue = useEditor((state) => state.catalogue)
  const language = useLanguage((state) => state.language)
  const standing = useRun(({ nodes }) => (nodes[id]?.error ? ' graph-far-bad' : nodes[id]?.fraction != null ? ' graph-far-running' : ''))
  const type = node && (typeOf(catalogue, node) ?? builtinOf(catalogue, node.type))
  const category = type && 'category' in type ? type.category : null
  return (
    <article
      className={`graph-${shape === 'loop' ? 'loop' : 'card'} graph-far${standing}${selected ? ' graph-selected' : ''}${node?.bypass ? ' graph-bypassed' : ''}`}
      style={tinted(catalogue, category)} aria-label={node ? id : say('inputs')}
    >
      {type?.labels[language].label ?? node?.type ?? say('inputs')}
    </article>
  )
})

export const FAR_NODES = { card: FarCard, loop: FarCard, inputs: FarCard, note: NoteCard, frame: FrameCard }

/** All wires in one drawing, those that begin at one node as one line. */
export const FarWires = memo(function FarWires({ nodes, wires }: { nodes: readonly FlowNode[]; wires: readonly FlowEdge[] }) {
  const catalogue = useEditor((state) => state.catalogue)
  return (
    <ViewportPortal>
      <svg className="graph-far-wires" aria-hidden="true">
        {[...lines(nodes, wires)].map(([name, line]) => <path key={name} d={line.join('')} style={tinted(catalogue, name.slice(name.indexOf('|') + 1) || null)} />)}
      </svg>
    </ViewportPortal>
  )
})

function lines(nodes: readonly FlowNode[], wires: readonly FlowEdge[]): Map<string, string[]> {
  const places = positions(nodes)
  const handles = new Map(nodes.map((node) => [node.id, node.handles ?? []]))
  const end = (path: string, socket: string | null | undefined) => {
    const handle = handles.get(path)?.find(({ id }) => id === socket)
    const place = places.get(path)
    return handle && place && { x: place.x + handle.x + (handle.width ?? 0) / 2, y: place.y + handle.y + (handle.height ?? 0) / 2 }
  }
  const found = new Map<string, string[]>()
  for (const { source, sourceHandle, target, targetHandle, data } of wires) {
    const [from, to] = [end(source, sourceHandle), end(target, targetHandle)]
    if (!from || !to) continue
    const [line] = getBezierPath({ sourceX: from.x, sourceY: from.y, sourcePosition: Position.Right, targetX: to.x, targetY: to.y, targetPosition: Position.Left, curvature: 0.3 })
    const name = `${source}|${(data?.kind as string | null) ?? ''}`
    const known = found.get(name)
    known ? known.push(line) : found.set(name, [line])
  }
  return found
}
