import { has, isEmpty, mapValues, withKey, withoutKey } from './records'
import { innerScope, resolve, type Scope, scopeAt, type Source, spell } from './resolve'
import { join, nodeAt, parentOf, rangeOf, tidy, variableOf } from './scopes'
import { type AnyNode, isRepeat, type Node, type Path, type Reference, type Repeat, type Workflow } from './types'

/** The range that a loop has where its ends are not linked. */
export const RANGE: Repeat['for'][string] = [0, 10]

/** What the sockets of a node are linked to, as [socket, reference]. */
export function linksOf(node: AnyNode): [input: string, reference: Reference][] {
  if (!isRepeat(node)) return Object.entries(node.in ?? {}).map(([name, reference]) => [`in:${name}`, reference])
  const [from, to] = rangeOf(node)
  return [
    ...(typeof from === 'string' ? [['in:from', from] as [string, Reference]] : []),
    ...(typeof to === 'string' ? [['in:to', to] as [string, Reference]] : []),
    ...Object.entries(node.carry ?? {}).map(([name, reference]): [string, Reference] => [`in:carry.${name}`, reference]),
    ...Object.entries(node.next ?? {}).map(([name, reference]): [string, Reference] => [`in:next.${name}`, reference]),
  ]
}

/** A node with one of its sockets linked to something else, or to nothing. */
export function withLink(node: AnyNode, input: string, reference: Reference | null): AnyNode {
  const name = input.replace(/^in:(carry\.|next\.)?/, '')
  const changed = (links: Record<string, Reference> | undefined) =>
    reference === null ? withoutKey(links ?? {}, name) : withKey(links, name, reference)
  if (!isRepeat(node)) {
    if (reference === null && !has(node.in, name)) return node
    return tidy<Node>({ ...node, in: changed(node.in), params: reference === null ? (node.params ?? {}) : withoutKey(node.params ?? {}, name) })
  }
  if (input.startsWith('in:carry.')) return tidy<Repeat>({ ...node, carry: changed(node.carry) })
  if (input.startsWith('in:next.')) return tidy<Repeat>({ ...node, next: changed(node.next) })
  const end = input === 'in:from' ? 0 : 1
  const range: typeof RANGE = [...rangeOf(node)]
  range[end] = reference ?? RANGE[end]
  return { ...node, for: { [variableOf(node)]: range } }
}

/** Whether a socket of a loop is inside its frame, where what the body gives can be linked to it. */
export function isInner(input: string): boolean {
  return input.startsWith('in:next.')
}

/** What a reference is to become; null cuts it. `scope` is where it is read. */
export type Visit = (reference: Reference, scope: Scope, path: Path, input: string) => Reference | null

/** Every reference of a workflow mapped. What holds none that changed is the same object. */
export function mapReferences(workflow: Workflow, visit: Visit): Workflow {
  const nodes = mapLevel({ workflow, path: null, nodes: workflow.nodes, loop: null, outer: null }, visit)
  return nodes === workflow.nodes ? workflow : { ...workflow, nodes }
}

function mapLevel(scope: Scope, visit: Visit): Record<string, AnyNode> {
  return mapValues(scope.nodes, (node, name) => {
    const path = join(scope.path, name)
    return isRepeat(node) ? mapLoop(node, scope, path, visit) : mapNode(node, scope, path, visit)
  })
}

function mapNode(node: Node, scope: Scope, path: Path, visit: Visit): Node {
  if (!node.in) return node
  const links = mapValues(node.in, (reference, name) => visit(reference, scope, path, `in:${name}`))
  return links === node.in ? node : isEmpty(links) ? tidy({ ...node, in: links }) : { ...node, in: links }
}

function mapLoop(loop: Repeat, outer: Scope, path: Path, visit: Visit): Repeat {
  const inner = innerScope(outer, path, loop)
  const range = rangeOf(loop)
  const ends = range.map((end, index) =>
    typeof end === 'string' ? (visit(end, outer, path, index === 0 ? 'in:from' : 'in:to') ?? RANGE[index]!) : end,
  ) as typeof range
  const carry = loop.carry && mapValues(loop.carry, (reference, name) => visit(reference, outer, path, `in:carry.${name}`))
  const body = mapLevel(inner, visit)
  const next = loop.next && mapValues(loop.next, (reference, name) => visit(reference, inner, path, `in:next.${name}`))
  const sameRange = ends[0] === range[0] && ends[1] === range[1]
  if (sameRange && carry === loop.carry && body === loop.body && next === loop.next) return loop
  return { ...loop, ...(!sameRange && { for: { [variableOf(loop)]: ends } }), ...(carry && { carry }), body, ...(next && { next }) }
}

/** What an edit has made of the workflow, and how many links it has cost. */
export interface Rewired {
  workflow: Workflow
  cut: number
  /** Whether one was lost because it would have had to reach into a loop within a loop. */
  deep: boolean
}

/**
 * The references of a workflow whose nodes were moved, renamed or removed, said as they are to be said now.
 *
 * @param before what the references in `after` were written for
 * @param after the nodes as they are to be, with their references still of old
 * @param home where a node of `after` was
 * @param change what a source is now, for whom it was linked to: null cuts the link, undefined leaves the reference as it is written
 */
export function rewire(
  before: Workflow,
  after: Workflow,
  home: (path: Path) => Path,
  change: (source: Source, path: Path, input: string) => Source | null | undefined,
): Rewired {
  const left = new Set<string>()
  const scopes = new Map<Path | null, Scope | null>()
  const scopeBefore = (loop: Path | null) => {
    if (!scopes.has(loop)) scopes.set(loop, scopeAt(before, loop))
    return scopes.get(loop)!
  }
  let cut = 0
  let deep = false
  let workflow = mapReferences(after, (reference, scope, path, input) => {
    const old = home(path)
    const seen = scopeBefore(isInner(input) ? old : parentOf(old))
    const source = seen && resolve(seen, reference)
    const now = source ? change(source, old, input) : undefined
    if (now === undefined) {
      left.add(`${path}|${input}`)
      return reference
    }
    const said = now && spell(now, scope.path)
    if (said === null) cut += 1
    deep ||= now !== null && said === null
    return said
  })
  // A carried value that has lost both its ends is gone, and with it the links to it.
  for (let last: Workflow | null = null; last !== workflow; ) {
    last = workflow
    workflow = mapReferences(last, (reference, scope, path, input) => {
      if (left.has(`${path}|${input}`) || resolve(scope, reference)) return reference
      cut += 1
      return null
    })
  }
  return { workflow, cut, deep }
}

/** Where nodes go, and which names in them become others. */
export interface Moving {
  places: ReadonlyMap<Path, Path>
  names: ReadonlyMap<string, string>
}

/** The path of a node after a move. */
export function movedPath({ places, names }: Moving, path: Path): Path {
  for (let top: Path | null = path; top !== null; top = parentOf(top)) {
    const now = places.get(top)
    if (now === undefined) continue
    const inside = path.slice(top.length + 1)
    return inside ? `${now}.${inside.split('.').map((name) => names.get(name) ?? name).join('.')}` : now
  }
  return path
}

/** Whether a place is one that moves, or inside one. */
export function moves({ places }: Moving, path: Path): boolean {
  for (let top: Path | null = path; top !== null; top = parentOf(top)) if (places.has(top)) return true
  return false
}

/** The way back. */
export function back({ places, names }: Moving): Moving {
  const turned = <K, V>(map: ReadonlyMap<K, V>) => new Map(Array.from(map, ([key, value]): [V, K] => [value, key]))
  return { places: turned(places), names: turned(names) }
}

/** A source after a move. */
export function movedSource(before: Workflow, moving: Moving, source: Source): Source {
  if (!moves(moving, source.path)) return source
  const path = movedPath(moving, source.path)
  const node = nodeAt(before, source.path)
  if (!node || !isRepeat(node)) return { ...source, path }
  // What a loop gives is named by what it binds.
  const said = (text: string) => text.replace(/(?<=^(?:item:#?|out:|\.))\w+/, (name) => moving.names.get(name) ?? name)
  const bare = source.local === '' || source.local === '.all'
  return { ...source, path, output: said(source.output), local: bare ? source.local : said(source.local) }
}

/** `rewire` after a move. `exception` says what a source is where it is not simply what it was, in terms of the new paths. */
export function relocate(
  before: Workflow,
  after: Workflow,
  moving: Moving,
  exception: (source: Source, path: Path, input: string) => Source | null | undefined = () => undefined,
): Rewired {
  const inverse = back(moving)
  return rewire(
    before,
    after,
    (path) => movedPath(inverse, path),
    (source, path, input) => {
      const other = exception(source, path, input)
      return other === undefined ? movedSource(before, moving, source) : other
    },
  )
}

/** After some nodes, inputs or carried values were taken away: without the links to them. */
export function cutLoose(before: Workflow, after: Workflow): Workflow {
  return rewire(before, after, (path) => path, (source) => source).workflow
}
