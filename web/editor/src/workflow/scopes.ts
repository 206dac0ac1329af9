import { has, isEmpty, own, withKey, withoutKey } from './records'
import { type AnyNode, isRepeat, type Path, type Repeat, type Workflow } from './types'

/** The card of the workflow's inputs, by the name of its place in the layout. */
export const INPUTS = '#inputs'

// Paths

export function nameOf(path: Path): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

/** The loop that a node stands in; null at the top. */
export function parentOf(path: Path): Path | null {
  const dot = path.lastIndexOf('.')
  return dot < 0 ? null : path.slice(0, dot)
}

export function join(loop: Path | null, name: string): Path {
  return loop === null ? name : `${loop}.${name}`
}

/** Whether a place is a loop or somewhere inside it; everything is inside the top, which is null. */
export function within(path: Path | null, loop: Path | null): boolean {
  return loop === null || path === loop || (path?.startsWith(`${loop}.`) ?? false)
}

/** Those of some paths that are in no other of them. */
export function outermost(paths: readonly Path[]): Path[] {
  return paths.filter((path, index) => paths.indexOf(path) === index && !paths.some((other) => other !== path && within(path, other)))
}

// Nodes

/** The nodes at one level: of the workflow, or of a loop's body. */
export function nodesAt(workflow: Workflow, loop: Path | null): Record<string, AnyNode> | undefined {
  if (loop === null) return workflow.nodes
  const node = nodeAt(workflow, loop)
  return node && isRepeat(node) ? node.body : undefined
}

export function nodeAt(workflow: Workflow, path: Path): AnyNode | undefined {
  let nodes: Record<string, AnyNode> | undefined = workflow.nodes
  let node: AnyNode | undefined
  for (const name of path.split('.')) {
    node = own(nodes, name)
    nodes = node && isRepeat(node) ? node.body : undefined
  }
  return node
}

export function loopAt(workflow: Workflow, path: Path): Repeat | undefined {
  const node = nodeAt(workflow, path)
  return node && isRepeat(node) ? node : undefined
}

/** Every node with its path, a loop before its body, in the order of the file. */
export function* eachNode(nodes: Record<string, AnyNode>, loop: Path | null = null): Generator<[Path, AnyNode]> {
  for (const name of Object.keys(nodes)) {
    const node = nodes[name]!
    const path = join(loop, name)
    yield [path, node]
    if (isRepeat(node)) yield* eachNode(node.body, path)
  }
}

export function allPaths(workflow: Workflow): Path[] {
  return Array.from(eachNode(workflow.nodes), ([path]) => path)
}

/** With other nodes at one level. */
export function withNodes(workflow: Workflow, loop: Path | null, nodes: Record<string, AnyNode>): Workflow {
  if (nodesAt(workflow, loop) === nodes) return workflow
  if (loop === null) return { ...workflow, nodes }
  const repeat = loopAt(workflow, loop)
  return repeat ? withNode(workflow, loop, { ...repeat, body: nodes }) : workflow
}

/** With another node at a path, or without it; where there is no such level, as it was. */
export function withNode(workflow: Workflow, path: Path, node: AnyNode | null): Workflow {
  const level = nodesAt(workflow, parentOf(path))
  if (!level) return workflow
  const name = nameOf(path)
  return withNodes(workflow, parentOf(path), node ? withKey(level, name, node) : withoutKey(level, name))
}

/** A node as it is written: keys in their order, without what is empty. */
export function tidy<T extends AnyNode>(node: T): T {
  const parts = node as unknown as Record<string, unknown>
  const said = Object.keys(parts).filter((key) => {
    const value = parts[key]
    return !(value === undefined || value === false || value === '' || ((key === 'in' || key === 'params') && isEmpty(value as object)))
  })
  said.sort((a, b) => rank(a) - rank(b))
  return Object.fromEntries(said.map((key) => [key, parts[key]])) as unknown as T
}

const ORDER = ['type', 'in', 'for', 'carry', 'body', 'next', 'params', 'bypass', 'note']
const rank = (key: string) => ORDER.indexOf(key) + 1 || ORDER.length + 1

// Loops

export function variableOf(repeat: Repeat): string {
  return Object.keys(repeat.for)[0] ?? ''
}

/** First value, and the one before which it stops. */
export function rangeOf(repeat: Repeat): Repeat['for'][string] {
  return repeat.for[variableOf(repeat)] ?? [0, 0]
}

export function isCarried(repeat: Repeat, name: string): boolean {
  return has(repeat.carry, name) || has(repeat.next, name)
}

/** The names that a loop carries; one that has lost one of its ends too. */
export function carriedNames(repeat: Repeat): string[] {
  return [...Object.keys(repeat.carry ?? {}), ...Object.keys(repeat.next ?? {}).filter((name) => !has(repeat.carry, name))]
}
