import '@xyflow/react/dist/style.css'
import './graph.css'
import {
  applyNodeChanges, Background, BackgroundVariant, Controls, MiniMap, ReactFlow, useReactFlow, useStore,
  type Connection, type Edge as FlowEdge, type EdgeChange, type Node as FlowNode, type NodeChange, type ReactFlowProps,
} from '@xyflow/react'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { toast } from '../fields/toasts'
import { catalogue, edit, graph, select, useEditor, useWorkflow, workflow } from '../state/document'
import { lookAt, useLooking } from '../state/looking'
import { connect, disconnect, whyNot } from '../workflow/connect'
import { setPlaces } from '../workflow/drawing'
import { remove } from '../workflow/edit'
import { moveInto } from '../workflow/loops'
import { grouped } from '../workflow/records'
import { reasonText } from '../workflow/reasons'
import { parentOf } from '../workflow/scopes'
import type { Path, Place, Workflow } from '../workflow/types'
import { Card } from './Card'
import { FrameCard, NoteCard } from './Drawn'
import { FAR, FAR_NODES, FarWires, MANY } from './Far'
import { flowEdges, flowNodes, grown, loopUnder, positions } from './flow'
import { InputsCard } from './InputsCard'
import { keysOfCanvas } from './keys'
import { LoopCard } from './LoopCard'
import { openMenu, openSearch } from './menu'
import { t } from './texts'
import { Wire } from './Wire'

const NODES = { card: Card, loop: LoopCard, inputs: InputsCard, note: NoteCard, frame: FrameCard }
const WIRES = { wire: Wire }
const FIT = { padding: 0.05, maxZoom: 1, minZoom: 0.2 }

const ends = ({ source, sourceHandle, target, targetHandle }: Connection | FlowEdge) => ({
  from: source, output: sourceHandle ?? '', to: target, input: targetHandle ?? '',
})

const NONE: FlowEdge[] = []
const DELETE = ['Delete', 'Backspace']
const MORE = ['Meta', 'Control', 'Shift']
const BARE = { hideAttribution: true }
const miniClass = (node: FlowNode) => `graph-mini-${node.type}`

/*
 * What React Flow is given never changes its identity without need: each prop that is new has it tell all its nodes and
 * wires, at each frame of a drag.
 */
const does = {
  onConnect: (connection) => void edit((workflow) => connect(workflow, catalogue(), ends(connection))),
  onConnectEnd(event, state) {
    if (!state.fromHandle || !state.fromNode || state.isValid) return
    const end = { path: state.fromNode.id, socket: state.fromHandle.id ?? '' }
    const source = state.fromHandle.type === 'source'
    if (state.toHandle && state.toNode) {
      const other = { path: state.toNode.id, socket: state.toHandle.id ?? '' }
      const [from, to] = source ? [end, other] : [other, end]
      const reason = whyNot(workflow(), catalogue(), { from: from.path, output: from.socket, to: to.path, input: to.socket })
      if (reason) toast(reasonText(reason), { kind: 'bad' })
      return
    }
    const { clientX: x, clientY: y } = 'changedTouches' in event ? event.changedTouches[0]! : event
    openSearch({ x, y, ...(source ? { from: end } : { to: end }) })
  },
  onReconnect: (old, connection) => void edit((workflow) => connect(disconnect(workflow, ends(old)), catalogue(), ends(connection))),
  onReconnectEnd(_, edge, __, state) {
    if (!state.toHandle) edit((workflow) => disconnect(workflow, ends(edge)))
  },
  isValidConnection: (connection) => whyNot(workflow(), catalogue(), ends(connection as Connection)) === null,
  onEdgeClick: (_, edge) => lookAt(edge.source, edge.sourceHandle ?? ''),
  async onBeforeDelete({ nodes, edges }) {
    const paths = nodes.map((node) => node.id).filter((id) => id !== '#inputs')
    const loose = edges.filter((edge) => edge.selected || paths.length === 0)
    edit((workflow) => remove(loose.reduce((changed, edge) => disconnect(changed, ends(edge)), workflow), paths))
    return false
  },
  onNodeContextMenu(event, node) {
    event.preventDefault()
    if (!useEditor.getState().selected.has(node.id)) select([node.id])
    openMenu({ x: event.clientX, y: event.clientY, path: node.id })
  },
  onPaneContextMenu(event) {
    event.preventDefault()
    openMenu({ x: event.clientX, y: event.clientY })
  },
} satisfies ReactFlowProps

/** The workflow as a graph: cards and wires that are drawn, moved and connected. */
export function Canvas() {
  const say = t()
  const present = useWorkflow((workflow) => workflow)
  const known = useEditor((state) => state.catalogue)
  const selected = useEditor((state) => state.selected)
  const opened = useEditor((state) => state.about)
  const flow = useReactFlow()
  const area = useRef<HTMLDivElement>(null)
  const [nodes, setNodes] = useState<FlowNode[]>(() => flowNodes(present, known, graph(), selected, []))
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())

  useEffect(() => setNodes((before) => flowNodes(present, known, graph(), selected, before)), [present, known, selected])
  const before = useRef<FlowEdge[]>([])
  const wires = useMemo(() => {
    before.current = flowEdges(graph(), (from, to) => say('wireFromTo', { from, to }), before.current)
    return before.current
  }, [present, known, say('wireFromTo')])
  const edges = useMemo(() => (chosen.size ? wires.map((wire) => (chosen.has(wire.id) ? { ...wire, selected: true } : wire)) : wires), [wires, chosen])

  // A document that was opened is shown whole, once its nodes are there, and stays so until it is panned or zoomed.
  const origin = useRef<Workflow | null>(null)
  const fitted = useRef('')
  const fit = useCallback(async () => {
    await flow.fitView(FIT)
    fitted.current = JSON.stringify(flow.getViewport())
  }, [flow])
  useEffect(() => {
    if (origin.current === opened.saved || nodes.length === 0) return
    origin.current = opened.saved
    requestAnimationFrame(() => void fit())
  }, [opened, nodes, fit])
  useEffect(() => {
    const resized = new ResizeObserver(() => {
      if (fitted.current === JSON.stringify(flow.getViewport())) requestAnimationFrame(() => void fit())
    })
    resized.observe(area.current!)
    return () => resized.disconnect()
  }, [flow, fit])

  const onNodesChange = useCallback((changes: NodeChange[]) => {
    setNodes((nodes) => applyNodeChanges(changes, nodes))
    const picks = changes.filter((change) => change.type === 'select')
    if (picks.length === 0) return
    const now = new Set(useEditor.getState().selected)
    for (const pick of picks) pick.selected ? now.add(pick.id) : now.delete(pick.id)
    select(now)
  }, [])

  const onEdgesChange = useCallback(
    (changes: EdgeChange[]) =>
      setChosen((before) => {
        const now = new Set(before)
        for (const change of changes) if (change.type === 'select') change.selected ? now.add(change.id) : now.delete(change.id)
        return now
      }),
    [],
  )

  // While something is pulled, nothing below the mouse is asked for: to find it among hundreds of wires takes long.
  const onLetGo = useCallback(() => area.current?.classList.remove('graph-moving'), [])
  const onPulled = useCallback(() => {
    area.current!.classList.add('graph-moving')
    for (const end of ['pointerup', 'pointercancel', 'blur']) addEventListener(end, onLetGo, { capture: true, once: true })
  }, [onLetGo])
  const onMove = useCallback((event: MouseEvent | TouchEvent | null) => void (event?.type === 'mousemove' && onPulled()), [onPulled])
  const onSelectionDragStop = useCallback((_: unknown, dragged: FlowNode[]) => setNodes((nodes) => (drop(nodes, dragged.map((node) => node.id)), nodes)), [])
  const onNodeDragStop = useCallback((_: unknown, __: FlowNode, dragged: FlowNode[]) => onSelectionDragStop(_, dragged), [onSelectionDragStop])

  // From far away React Flow finds no sockets on the cards: near again, it is to take those that it was told.
  const many = nodes.length > MANY
  const far = useStore((state) => many && state.transform[2] < FAR)
  useLayoutEffect(() => {
    if (!far) setNodes((nodes) => nodes.map((node) => ({ ...node })))
  }, [far])
  const labels = useMemo(
    () => ({
      'minimap.ariaLabel': say('minimap'), 'controls.ariaLabel': say('zoom'), 'controls.zoomIn.ariaLabel': say('zoomIn'),
      'controls.zoomOut.ariaLabel': say('zoomOut'), 'controls.fitView.ariaLabel': say('fitAll'), 'node.a11yDescription.default': say('nodeKeys'),
      'node.a11yDescription.keyboardDisabled': say('nodeKeys'), 'edge.a11yDescription.default': say('wireKeys'),
      'node.a11yDescription.ariaLiveMessage': ({ x, y }: { x: number; y: number }) => say('movedTo', { x, y }),
    }),
    [say('minimap')],
  )

  const goal = useLooking((state) => state.goal)
  useEffect(() => {
    if (goal) void flow.fitView({ nodes: [{ id: goal.path }], maxZoom: 1, padding: 0.4, duration: 200 })
  }, [goal, flow])

  useEffect(() => keysOfCanvas(area, flow), [flow])

  return (
    <div className="graph-area" ref={area} tabIndex={0} role="application" aria-label={say('canvas')}>
      <ReactFlow
        nodes={nodes}
        edges={far ? NONE : edges}
        nodeTypes={far ? FAR_NODES : NODES}
        edgeTypes={WIRES}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        onNodeDragStart={onPulled}
        onNodeDragStop={onNodeDragStop}
        onSelectionDragStart={onPulled}
        onSelectionDragStop={onSelectionDragStop}
        onMove={onMove}
        {...does}
        onDoubleClick={(event) => {
          if ((event.target as Element).classList.contains('react-flow__pane')) openSearch({ x: event.clientX, y: event.clientY })
        }}
        zoomOnDoubleClick={false}
        onlyRenderVisibleElements={!far}
        connectOnClick={false}
        connectionRadius={24}
        deleteKeyCode={DELETE}
        panActivationKeyCode={null}
        selectionKeyCode="Shift"
        multiSelectionKeyCode={MORE}
        minZoom={0.08}
        maxZoom={2.5}
        fitViewOptions={FIT}
        elevateNodesOnSelect={false}
        proOptions={BARE}
        ariaLabelConfig={labels}
      >
        <Background variant={BackgroundVariant.Dots} gap={22} size={1.4} color="var(--dots)" />
        <Controls position="bottom-left" showInteractive={false} />
        <MiniMap position="bottom-right" pannable zoomable nodeStrokeWidth={2} className="graph-minimap" nodeClassName={miniClass} />
        {far && <FarWires nodes={nodes} wires={wires} />}
      </ReactFlow>
      {Object.keys(present.nodes).length === 0 && <p className="graph-empty soft">{say('empty')}</p>}
    </div>
  )
}

/** Nodes were let go: they stay where they are, and belong to the loop whose frame they lie in. */
function drop(nodes: readonly FlowNode[], ids: Path[]): void {
  const paths = ids.filter((id) => !ids.some((other) => id.startsWith(`${other}.`)))
  const absolute = positions(nodes)
  const table = new Map(nodes.map((node) => [node.id, node]))
  const places = Object.fromEntries(
    paths.map((path) => {
      const { position } = table.get(path)!
      return [path, [Math.round(position.x), Math.round(position.y)] as Place]
    }),
  )
  const moving = paths.filter((path) => !path.startsWith('#'))
  const middle = (path: Path) => {
    const { x, y } = absolute.get(path)!
    const node = table.get(path)!
    return { x: x + (node.width ?? 0) / 2, y: y + Math.min(40, (node.height ?? 0) / 2) }
  }
  queueMicrotask(() => {
    edit((workflow) => {
      let changed = setPlaces(workflow, places)
      let cut = 0
      const targets = grouped(moving, (path) => loopUnder(nodes, middle(path), new Set(moving)))
      for (const [loop, group] of targets) {
        const movers = group.filter((path) => parentOf(path) !== loop)
        if (movers.length) {
          const origin = loop === null ? { x: 0, y: 0 } : absolute.get(loop)!
          const there = Object.fromEntries(movers.map((path) => [path, [Math.round(absolute.get(path)!.x - origin.x), Math.round(absolute.get(path)!.y - origin.y)] as Place]))
          const moved = moveInto(setPlaces(changed, there), catalogue(), movers, loop)
          if ('reason' in moved) return moved
          changed = moved.workflow
          cut += moved.cut
        }
        for (let around = loop; around !== null; around = parentOf(around)) {
          const frame = grown(changed, catalogue(), around)
          if (frame) changed = setPlaces(changed, { [around]: frame })
        }
      }
      if (cut) toast(t.now('cutWires', { count: cut }))
      return changed
    })
  })
}
