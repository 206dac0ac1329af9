import { has, isEmpty, mapValues, withKey, withoutKey } from './records'
import { innerScope, type Scope } from './resolve'
import { join, rangeOf, tidy, variableOf } from './scopes'
import { type AnyNode, isRepeat, type Node, type Path, type Reference, type Repeat, type Workflow } from './types'

/** The range that a loop has where its ends are not linked. */
export const RANGE: Repeat['for'][string] = [0, 10]

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
