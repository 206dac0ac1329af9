import type { Catalogue } from '../server/types'
import { LOOP, PAD } from './arrange'
import { referenceTo } from './connect'
import { movedPlaces, newLoop } from './edit'
import { graphOf, socketsOf, type Wire } from './graph'
import { isJsonKind, typeOf } from './kinds'
import { boundNames, fresh, freshNames, names, takenAt, visibleAt, withBoundNames } from './names'
import { hasCircle, upstream } from './order'
import { cornerOf, mapPlaces, placeOf } from './places'
import { type Outcome, type Reason, refused } from './reasons'
import { resolve, scopeAt, type Source } from './resolve'
import { type Moving, moves, movedSource, relocate, type Rewired } from './rewire'
import { isCarried, join, loopAt, nameOf, nodeAt, nodesAt, outermost, parentOf, within, withNode, withNodes } from './scopes'
import type { AnyNode, Path, Reference, Workflow } from './types'

/** Where nodes are after a move, and how many links it cost. */
export interface Moved {
  paths: Path[]
  cut: number
}

/** Where nodes of one level go, with names that are free there. `staying` is the workflow without them. */
function movingTo(workflow: Workflow, staying: Workflow, paths: readonly Path[], loop: Path | null): Moving {
  const inside = paths.flatMap((path) => [...boundNames({ [nameOf(path)]: nodeAt(workflow, path)! })])
  const [taken, visible, others] = [takenAt(staying, loop), visibleAt(staying, loop), names(workflow)]
  const own = freshNames(paths.map(nameOf), taken, new Set([...others, ...inside]))
  const renamed = new Map([...freshNames(new Set(inside), visible, new Set([...others, ...own.values()])), ...own])
  return { places: new Map(paths.map((path) => [path, join(loop, renamed.get(nameOf(path)) ?? nameOf(path))])), names: renamed }
}

/** Why what came of a move cannot be; null if it can. */
function unfit({ workflow, deep }: Rewired, before: Workflow, catalogue: Catalogue): Reason | null {
  if (deep) return { code: 'deep' }
  return hasCircle(graphOf(workflow, catalogue)) && !hasCircle(graphOf(before, catalogue)) ? { code: 'circle' } : null
}

/**
 * Nodes into a loop, or, with null, out of all. Into a loop, readers outside now read every iteration, and what the node
 * read of the loop it reads of the iteration. Out of it, links to what is known only inside are cut, and so are those to
 * nodes that stay; `cut` says how many.
 */
export function moveInto(workflow: Workflow, catalogue: Catalogue, paths: readonly Path[], loop: Path | null): Outcome<Moved> {
  const tops = outermost(paths).filter((path) => nodeAt(workflow, path) && parentOf(path) !== loop)
  if (loop !== null && !loopAt(workflow, loop)) return refused('nothing')
  if (tops.some((path) => within(loop, path))) return refused('into')
  let result: Moved & { workflow: Workflow } = { workflow, paths: [], cut: 0 }
  for (const level of new Set(tops.map(parentOf))) {
    const moved = moveLevel(result.workflow, catalogue, tops.filter((path) => parentOf(path) === level), loop)
    if ('reason' in moved) return moved
    result = { workflow: moved.workflow, paths: [...result.paths, ...moved.paths], cut: result.cut + moved.cut }
  }
  return result
}

function moveLevel(workflow: Workflow, catalogue: Catalogue, tops: Path[], loop: Path | null): Outcome<Moved> {
  const staying = tops.reduce((without, path) => withNode(without, path, null), workflow)
  const moving = movingTo(workflow, staying, tops, loop)
  const after = tops.reduce((more, path) => withNode(more, moving.places.get(path)!, withBoundNames(nodeAt(workflow, path)!, moving.names)), staying)
  const rewired = relocate(workflow, after, moving, (source, path) => {
    if (!moves(moving, path) || moves(moving, source.path)) return undefined
    const item = source.output.startsWith('item:')
    // Into the loop that it read: what was there in the end is there at each iteration as what is carried.
    if (!item && loop !== null && within(loop, source.path)) {
      return { ...source, output: source.output.replace(/^out:(\w+).*$/, 'item:$1'), local: '' }
    }
    const known = item ? source.path : parentOf(source.path)
    return !source.every && !within(loop, known) ? null : undefined
  })
  const reason = unfit(rewired, workflow, catalogue)
  if (reason) return { reason }
  const to = cornerOf(workflow, loop)
  const shift = (path: Path) => {
    const from = cornerOf(workflow, parentOf(path))
    return [from[0] - to[0], from[1] - to[1]] as const
  }
  return { workflow: movedPlaces(rewired.workflow, moving, shift), paths: [...moving.places.values()], cut: rewired.cut }
}

/** An output that a loop could hand on. */
interface Output {
  path: Path
  output: string
}

/**
 * Nodes of one level as the body of a new loop. It carries the first pair of what goes into them and what comes out, of one
 * value type; plain data only where there is no other.
 */
export function wrap(workflow: Workflow, catalogue: Catalogue, paths: readonly Path[]): Outcome<{ path: Path }> {
  const chosen = outermost(paths).filter((path) => nodeAt(workflow, path))
  const level = parentOf(chosen[0] ?? '')
  if (!chosen.length) return refused('empty')
  if (chosen.some((path) => parentOf(path) !== level)) return refused('levels')
  const nodes = nodesAt(workflow, level)!
  const tops = Object.keys(nodes).map((name) => join(level, name)).filter((path) => chosen.includes(path))

  const taken = names(workflow)
  const loopName = fresh(taken, 'repeat')
  const path = join(level, loopName)
  const moving: Moving = { places: new Map(tops.map((top) => [top, join(path, nameOf(top))])), names: new Map() }
  const pair = carriedPair(workflow, catalogue, tops, moving)
  const carried = pair && fresh(new Set([...taken, loopName]), pair.start.input.replace(/^in:(\w+\.)?/, ''))
  const said = (source: Output): Record<string, Reference> => ({ [carried!]: referenceTo(workflow, catalogue, source.path, source.output, level)! })
  const loop: AnyNode = {
    ...newLoop(new Set([...taken, loopName, carried ?? ''])),
    ...(pair && { carry: said({ path: pair.start.from, output: pair.start.output }) }),
    body: Object.fromEntries(tops.map((top) => [nameOf(top), nodeAt(workflow, top)!])),
    ...(pair && { next: said(pair.end) }),
  }
  const around = Object.entries(nodes).flatMap(([name, node]): [string, AnyNode][] => {
    const at = tops.indexOf(join(level, name))
    return at < 0 ? [[name, node]] : at === 0 ? [[loopName, loop]] : []
  })

  const wires = new Map(graphOf(workflow, catalogue).wires.map((wire) => [wire.id, wire]))
  const rewired = relocate(workflow, withNodes(workflow, level, Object.fromEntries(around)), moving, (_, to, input) => {
    const wire = wires.get(`${to}|${input}`)
    if (!wire || !pair) return undefined
    const inside = moves(moving, to)
    if (inside && wire.from === pair.start.from && wire.output === pair.start.output) {
      return { path, output: `item:${carried}`, every: false, local: '' }
    }
    if (inside || wire.from !== pair.end.path || wire.output !== pair.end.output) return undefined
    return { path, output: `out:${carried}`, every: false, local: `.${carried}` }
  })
  const reason = unfit(rewired, workflow, catalogue)
  if (reason) return { reason }
  const places = tops.map((top) => placeOf(workflow, top)).filter((place) => place !== undefined)
  if (!places.length) return { workflow: rewired.workflow, path }
  const x = Math.min(...places.map(([x]) => x)) - LOOP.side - PAD
  const y = Math.min(...places.map(([, y]) => y)) - LOOP.top - PAD
  const placed = movedPlaces(rewired.workflow, moving, () => [-x, -y])
  return { workflow: { ...placed, layout: { ...placed.layout, [path]: [x, y] } }, path }
}

/** The link into the nodes that is to begin what a loop carries, and the output that is to be handed on. */
function carriedPair(workflow: Workflow, catalogue: Catalogue, tops: Path[], moving: Moving): { start: Wire; end: Output } | null {
  const graph = graphOf(workflow, catalogue)
  const into = graph.wires.filter(({ from, to, kind }) => kind && moves(moving, to) && !moves(moving, from))
  // What goes on outside is handed on rather than what only the body reads, and best what depends on where it began.
  const rank = (start: Wire, { path, output }: Output) => {
    const readers = graph.wires.filter((wire) => wire.from === path && wire.output === output)
    const inside = readers.some(({ to }) => moves(moving, to))
    const outside = readers.some(({ to }) => !moves(moving, to))
    const depends = tops.some((top) => within(start.to, top) && upstream(graph, path).has(top))
    return (depends ? 0 : 4) + (inside ? 2 : 0) + (outside ? 0 : 1)
  }
  for (const plain of [false, true]) {
    for (const start of into) {
      if (isJsonKind(start.kind!) !== plain) continue
      const ends = tops.flatMap((path) => {
        const node = nodeAt(workflow, path)!
        return socketsOf(node, typeOf(catalogue, node)).outputs.map(({ id }) => ({ path, output: id }))
      }).filter(({ path, output }) => graph.kinds.get(`${path}|${output}`) === start.kind && !output.endsWith('.all'))
      const [end] = ends.toSorted((a, b) => rank(start, a) - rank(start, b))
      if (end) return { start, end }
    }
  }
  return null
}

/** A loop's body in its place: it comes out once, what was carried goes in at its beginning. `cut` counts the links to its variable. */
export function unwrap(workflow: Workflow, path: Path): Moved & { workflow: Workflow } {
  const loop = loopAt(workflow, path)
  if (!loop) return { workflow, paths: [], cut: 0 }
  const level = parentOf(path)
  const outer = scopeAt(workflow, level)!
  const inner = scopeAt(workflow, path)!
  const tops = Object.keys(loop.body).map((name) => join(path, name))
  const moving = movingTo(workflow, withNode(workflow, path, null), tops, level)
  const body = tops.map((top): [string, AnyNode] => [nameOf(moving.places.get(top)!), withBoundNames(nodeAt(workflow, top)!, moving.names)])
  const around = Object.entries(nodesAt(workflow, level)!).flatMap((entry): [string, AnyNode][] => (entry[0] === nameOf(path) ? body : [entry]))

  const started = (name: string): Source | null => {
    const reference = loop.carry && isCarried(loop, name) ? loop.carry[name] : undefined
    const source = reference === undefined ? null : resolve(outer, reference)
    return source && !within(source.path, path) ? source : null
  }
  const ended = (name: string): Source | null => {
    const reference = loop.next?.[name]
    const source = reference === undefined ? null : resolve(inner, reference)
    return source && (source.path === path ? of(source) : movedSource(workflow, moving, source))
  }
  const of = ({ output }: Source) => {
    const name = output.replace(/^\w+:/, '').replace(/\.all$/, '')
    return output.startsWith('item:') ? started(name) : ended(name)
  }
  const after = withNodes(workflow, level, Object.fromEntries(around))
  const rewired = relocate(workflow, after, moving, (source) => (source.path === path ? of(source) : undefined))
  const [x, y] = placeOf(workflow, path) ?? [0, 0]
  const placed = movedPlaces(rewired.workflow, moving, () => [x, y])
  const gone = mapPlaces(placed, (at, place) => (at === path ? null : [at, place]))
  return { workflow: gone, paths: [...moving.places.values()], cut: rewired.cut }
}
