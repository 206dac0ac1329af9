import { useReactFlow } from '@xyflow/react'
import { Menu, type MenuItem } from '../fields/Menu'
import { edit, catalogue, useEditor, workflow } from '../state/document'
import { lookAt } from '../state/looking'
import { run } from '../state/run'
import { setSweep } from '../workflow/drawing'
import { promote, removeInput } from '../workflow/inputs'
import { typeOf } from '../workflow/kinds'
import { loopAt, nodeAt, parentOf } from '../workflow/scopes'
import { moveInto } from '../workflow/loops'
import { isRepeat, type Path, type Place } from '../workflow/types'
import { alignAll, arrangeAll, copied, duplicate, frameAround, meant, note, pasted, removeAll, toggleBypass, unwrapLoop, wrapAll } from './actions'
import { called, sourcesOf, targetsOf } from './ends'
import { positions } from './flow'
import { openMenu, openSearch, useMenus, WHOLE, type OpenMenu } from './menu'
import { t } from './texts'

/** The context menus of nodes, of inputs and of the canvas. */
export function Menus() {
  const menu = useMenus((state) => state.menu)
  const say = t()
  const flow = useReactFlow()
  if (!menu) return null
  const items = menu.input !== undefined ? inputItems(menu.input, say) : menu.path === undefined ? canvasItems(menu, flow, say) : nodeItems(menu, menu.path, flow, say)
  return <Menu items={items} at={menu} onClose={() => openMenu(null)} />
}

type Say = ReturnType<typeof t>
type Flow = ReturnType<typeof useReactFlow>

function nodeItems(menu: OpenMenu, path: Path, flow: Flow, say: Say): MenuItem[] {
  const node = nodeAt(workflow(), path)
  const paths = meant(path)
  const removal = { label: say('remove'), keys: ['Delete'], bad: true, run: () => removeAll(paths) }
  if (!node) return path === '#inputs' ? canvasItems(menu, flow, say) : [removal]
  const top = path.split('.')[0]!
  const sources = sourcesOf(path).filter(({ socket }) => socket.startsWith('out:'))
  const targets = targetsOf(path)
  const parent = parentOf(path)
  const params = Object.keys(typeOf(catalogue(), node)?.params ?? {}).filter((name) => !('in' in node && node.in?.[name]))
  return [
    { label: say('look'), keys: ['L'], run: () => sources[0] && lookAt(path, sources[0].socket), disabled: sources.length === 0 && say('nothingFits') },
    { label: say('runHere'), run: () => void run(top) },
    null,
    { label: say('connectFrom'), keys: ['C'], run: () => startConnecting(path, menu), disabled: sources.length === 0 && say('nothingFits') },
    { label: say('connectTo'), keys: ['Shift', 'C'], run: () => endConnecting(path, menu), disabled: targets.length === 0 && say('nothingFits') },
    null,
    { label: say('rename'), keys: ['F2'], run: () => useMenus.setState({ renaming: path }) },
    { label: say('noteOf', { name: path }), run: () => useMenus.setState({ writing: path }) },
    { label: say('duplicate'), keys: ['Ctrl', 'D'], run: () => duplicate(paths) },
    { label: node.bypass ? say('unbypass') : say('bypass'), keys: ['B'], run: () => toggleBypass(paths) },
    { label: say('wrap'), keys: ['Ctrl', 'L'], run: () => wrapAll(paths) },
    ...(isRepeat(node) ? [{ label: say('unwrap'), run: () => unwrapLoop(path) }] : []),
    ...(parent !== null ? [{ label: say('outOfLoop'), run: () => void edit((workflow) => moveInto(workflow, catalogue(), paths, parentOf(parent))) }] : []),
    ...loopsBeside(path).map((loop) => ({ label: say('intoLoop', { name: loop }), run: () => void edit((workflow) => moveInto(workflow, catalogue(), paths, loop)) })),
    { label: say('addFrame'), run: () => frameAround(boxes(flow, paths)) },
    ...(params.length && paths.length === 1 ? [null, ...params.map((name) => ({ label: say('promote', { name }), run: () => void edit((workflow) => promote(workflow, catalogue(), path, name)) }))] : []),
    ...(paths.length > 1 ? [null, ...(['left', 'centre', 'right', 'top', 'middle', 'bottom', 'columns', 'rows'] as const).map((how) => ({ label: `${say('align')}: ${say(how)}`, run: () => alignAll(how) }))] : []),
    null,
    removal,
  ]
}

function loopsBeside(path: Path): Path[] {
  const parent = parentOf(path)
  const siblings = parent === null ? workflow().nodes : (loopAt(workflow(), parent)?.body ?? {})
  const selected = useEditor.getState().selected
  return Object.entries(siblings).filter(([, node]) => isRepeat(node)).map(([name]) => (parent === null ? name : `${parent}.${name}`)).filter((loop) => loop !== path && !selected.has(loop))
}

function boxes(flow: Flow, paths: Path[]) {
  const nodes = flow.getNodes()
  const absolute = positions(nodes)
  return nodes.filter((node) => paths.includes(node.id)).map((node) => ({ ...absolute.get(node.id)!, width: node.width ?? 0, height: node.height ?? 0 }))
}

/** A wire by keys alone: first the output, if there are several, then what it may lead to. */
export function startConnecting(path: Path, at: { x: number; y: number }): void {
  const sources = sourcesOf(path)
  if (sources.length === 0) return
  if (sources.length === 1) return openSearch({ x: at.x, y: at.y, from: sources[0]!, existing: true })
  openMenu(null)
  useMenus.setState({ ends: { at, ends: sources, then: (from) => openSearch({ x: at.x, y: at.y, from, existing: true }) } })
}

export function endConnecting(path: Path, at: { x: number; y: number }): void {
  const targets = targetsOf(path)
  if (targets.length === 0) return
  if (targets.length === 1) return openSearch({ x: at.x, y: at.y, to: targets[0]!, existing: true })
  openMenu(null)
  useMenus.setState({ ends: { at, ends: targets, then: (to) => openSearch({ x: at.x, y: at.y, to, existing: true }) } })
}

/** Which of a node's sockets is meant. */
export function EndMenu() {
  const ends = useMenus((state) => state.ends)
  const say = t()
  if (!ends) return null
  const items = ends.ends.map((end) => ({ label: called(end), run: () => ends.then(end) }))
  return <Menu items={items} at={ends.at} label={say(ends.ends[0]!.socket.startsWith('in:') ? 'chooseInput' : 'chooseOutput')} onClose={() => useMenus.setState({ ends: null })} />
}

function inputItems(name: string, say: Say): MenuItem[] {
  const swept = workflow().layout?.['#sweeps']?.[name] !== undefined
  const value = workflow().inputs?.[name]?.default
  return [
    { label: say('rename'), run: () => useMenus.setState({ renaming: name }) },
    { label: swept ? `✓ ${say('sweep')}` : say('sweep'), run: () => void edit((workflow) => setSweep(workflow, name, swept ? null : String(value ?? ''))) },
    null,
    { label: say('remove'), bad: true, run: () => void edit((workflow) => removeInput(workflow, catalogue(), name)) },
  ]
}

function canvasItems({ x, y }: OpenMenu, flow: Flow, say: Say): MenuItem[] {
  const at = flow.screenToFlowPosition({ x, y })
  const place: Place = [Math.round(at.x), Math.round(at.y)]
  return [
    { label: say('addNode'), keys: ['Space'], run: () => openSearch({ x, y }) },
    { label: say('addNote'), run: () => note(place) },
    { label: say('description'), run: () => useMenus.setState({ writing: WHOLE }) },
    {
      label: say('paste'), keys: ['Ctrl', 'V'],
      run: () => void navigator.clipboard?.readText().then(pasted, () => undefined),
    },
    { label: say('copy'), keys: ['Ctrl', 'C'], run: () => void navigator.clipboard?.writeText(copied(meant()) ?? ''), disabled: meant().length === 0 && say('nothingFits') },
    null,
    { label: say('arrange'), run: arrangeAll },
  ]
}
