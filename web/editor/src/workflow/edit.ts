import { drawnAt, setDrawn, setPlaces } from './drawing'
import { isAxis } from './kinds'
import { fresh, isName, names, takenAt, withBoundNames } from './names'
import { mapPlaces, shifted } from './places'
import { mapKeys, own, withKey, withoutKey } from './records'
import { RANGE, withLink } from './references'
import type { Outcome, Reason } from './reasons'
import { cutLoose, type Moving, movedPath, relocate, rewire } from './rewire'
import {
  eachNode, isCarried, join, loopAt, nameOf, nodeAt, nodesAt, outermost, parentOf, rangeOf, tidy, variableOf, within, withNode, withNodes,
} from './scopes'
import { type AnyNode, isRepeat, type Json, type Node, type Num, type Path, type Place, type Reference, type Repeat, type Workflow } from './types'

/** A node more, at the top or in a loop, by a fresh name. Its params stay unwritten, so they have their defaults. */
export function addNode(workflow: Workflow, type: string, loop: Path | null, at: Place): { workflow: Workflow; path: Path } {
  const taken = names(workflow)
  const name = fresh(taken, type)
  const path = join(loop, name)
  const node = type === 'repeat' ? newLoop(new Set([...taken, name])) : type === 'axis' ? newAxis(workflow, name) : { type }
  return { workflow: setPlaces(withNode(workflow, path, node), { [path]: at }), path }
}

/** A loop that holds nothing yet. */
export function newLoop(taken: ReadonlySet<string>): Repeat {
  return { type: 'repeat', for: { [fresh(taken, 'i')]: RANGE }, carry: {}, body: {}, next: {} }
}

/** An axis of its own: those of one name would run together, as would an input that is swept. */
function newAxis(workflow: Workflow, wish: string): Node {
  const taken = new Set(Object.keys(workflow.inputs ?? {}))
  for (const [, node] of eachNode(workflow.nodes)) if (isAxis(node) && !isRepeat(node)) taken.add(String(node.params?.name))
  return { type: 'axis', params: { name: fresh(taken, wish), values: [1, 2, 3] } }
}

/** Without some nodes, notes and frames. What read them loses its links. */
export function remove(workflow: Workflow, paths: readonly Path[]): Workflow {
  const gone = outermost(paths)
  const after = gone.reduce((without, path) => withNode(without, path, null), workflow)
  const cut = after === workflow ? workflow : cutLoose(workflow, after)
  const left = mapPlaces(cut, (path, place) => (gone.some((top) => within(path, top)) ? null : [path, place]))
  // From the last to the first, as those behind one that goes move up.
  const drawn = gone.flatMap((path) => drawnAt(path) ?? []).sort((a, b) => b.index - a.index)
  return drawn.reduce((without, { list, index }) => setDrawn(without, list, index, null), left)
}

/** Why something at a level cannot have a name; null if it can. */
export function whyNotName(workflow: Workflow, loop: Path | null, name: string): Reason | null {
  if (!isName(name)) return { code: 'name' }
  return takenAt(workflow, loop).has(name) ? { code: 'taken', found: name } : null
}

/** A node by another name, everywhere. */
export function rename(workflow: Workflow, path: Path, name: string): Outcome {
  const loop = parentOf(path)
  const level = nodesAt(workflow, loop)
  if (!level || !own(level, nameOf(path)) || name === nameOf(path)) return { workflow }
  const reason = whyNotName(workflow, loop, name)
  if (reason) return { reason }
  const moving: Moving = { places: new Map([[path, join(loop, name)]]), names: new Map() }
  const after = withNodes(workflow, loop, mapKeys(level, (key) => (key === nameOf(path) ? name : key)))
  return { workflow: movedPlaces(relocate(workflow, after, moving).workflow, moving) }
}

/** The layout after a move; `shift` is what is added to the places of those that moved themselves. */
export function movedPlaces(workflow: Workflow, moving: Moving, shift: (path: Path) => readonly [number, number] = () => [0, 0]): Workflow {
  return mapPlaces(workflow, (path, place) => {
    const by = moving.places.has(path) ? shift(path) : [0, 0]
    return [movedPath(moving, path), by[0] || by[1] ? shifted(place, by) : place]
  })
}

// Loops

/** One end of a loop's range written, in place of what was linked to it. */
export function setRange(workflow: Workflow, path: Path, end: 'from' | 'to', value: Num): Workflow {
  const loop = loopAt(workflow, path)
  if (!loop) return workflow
  const [from, to] = rangeOf(loop)
  return withNode(workflow, path, { ...loop, for: { [variableOf(loop)]: end === 'from' ? [value, to] : [from, value] } })
}

/** A loop's variable by another name, everywhere. */
export function setVariable(workflow: Workflow, path: Path, name: string): Outcome {
  const loop = loopAt(workflow, path)
  return loop ? rebind(workflow, path, variableOf(loop), name) : { workflow }
}

/** A carried value by another name, everywhere. */
export function renameCarried(workflow: Workflow, path: Path, name: string, wish: string): Outcome {
  const loop = loopAt(workflow, path)
  return loop && isCarried(loop, name) ? rebind(workflow, path, name, wish) : { workflow }
}

function rebind(workflow: Workflow, path: Path, name: string, wish: string): Outcome {
  const reason = name === wish ? null : whyNotName(workflow, path, wish)
  if (reason) return { reason }
  const moving: Moving = { places: new Map([[path, path]]), names: new Map([[name, wish]]) }
  const after = withNode(workflow, path, withBoundNames(nodeAt(workflow, path)!, moving.names))
  return { workflow: relocate(workflow, after, moving).workflow }
}

/** A value more for a loop to carry, by a name like the one wished for. It has one end linked at least. */
export function addCarried(workflow: Workflow, path: Path, wish: string, ends: { carry?: Reference; next?: Reference }): Workflow {
  const loop = loopAt(workflow, path)
  if (!loop) return workflow
  const name = fresh(names(workflow), wish)
  const linked = Object.entries(ends).reduce<AnyNode>((node, [end, reference]) => withLink(node, `in:${end}.${name}`, reference), loop)
  // With a second value carried, the bare name of the loop no longer says which is meant.
  return rewire(workflow, withNode(workflow, path, linked), (same) => same, (source) => {
    const bare = source.path === path && source.output.startsWith('out:') && (source.local === '' || source.local === '.all')
    return bare ? { ...source, local: `.${source.output.slice('out:'.length)}` } : undefined
  }).workflow
}

/** Without a carried value, and without the links to it. */
export function removeCarried(workflow: Workflow, path: Path, name: string): Workflow {
  const loop = loopAt(workflow, path)
  if (!loop || !isCarried(loop, name)) return workflow
  const without = tidy({ ...loop, carry: withoutKey(loop.carry ?? {}, name), next: withoutKey(loop.next ?? {}, name) })
  return cutLoose(workflow, withNode(workflow, path, without))
}

// What is written on nodes and on the workflow

/** A param written, in place of what was linked to it; undefined makes it the default. */
export function setParam(workflow: Workflow, path: Path, name: string, value: Json | undefined): Workflow {
  return change(workflow, path, (node) => {
    if (isRepeat(node)) return node
    const free = value === undefined ? node : (withLink(node, `in:${name}`, null) as Node)
    const before = node.params ?? {}
    const params = value === undefined ? withoutKey(before, name) : withKey(before, name, value)
    return free === node && params === before ? node : tidy({ ...free, params })
  })
}

/** What is noted on a node. */
export function setNote(workflow: Workflow, path: Path, note: string): Workflow {
  return change(workflow, path, (node) => ((node.note ?? '') === note ? node : tidy({ ...node, note })))
}

/** Whether a node is passed by. */
export function setBypass(workflow: Workflow, path: Path, bypass: boolean): Workflow {
  return change(workflow, path, (node) => ((node.bypass ?? false) === bypass ? node : tidy({ ...node, bypass })))
}

export function setTitle(workflow: Workflow, title: string): Workflow {
  return { ...workflow, title }
}

export function setDescription(workflow: Workflow, description: string): Workflow {
  return { ...workflow, description }
}

function change(workflow: Workflow, path: Path, edit: (node: AnyNode) => AnyNode): Workflow {
  const node = nodeAt(workflow, path)
  return node ? withNode(workflow, path, edit(node)) : workflow
}
