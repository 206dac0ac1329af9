import { mapKeys } from './records'
import { scopeAt } from './resolve'
import { carriedNames, eachNode, nameOf, nodesAt, variableOf } from './scopes'
import { type AnyNode, isRepeat, type Path, type Workflow } from './types'

/** Whether a node, an input or a carried value can be called so. `sample.all` would be the iterations of `sample`. */
export function isName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) && text !== 'all'
}

/** The names that nodes bind: their own, of loop variables and of what is carried. */
export function boundNames(nodes: Record<string, AnyNode>): Set<string> {
  const found = new Set<string>()
  for (const [path, node] of eachNode(nodes)) {
    found.add(nameOf(path))
    if (isRepeat(node)) for (const name of [variableOf(node), ...carriedNames(node)]) found.add(name)
  }
  return found
}

/** Every name in a workflow. */
export function names(workflow: Workflow): Set<string> {
  return new Set([...boundNames(workflow.nodes), ...Object.keys(workflow.inputs ?? {})])
}

/** The names that can be read at a level. */
export function visibleAt(workflow: Workflow, loop: Path | null): Set<string> {
  const found = new Set(Object.keys(workflow.inputs ?? {}))
  for (let scope = scopeAt(workflow, loop); scope; scope = scope.outer) {
    for (const name of Object.keys(scope.nodes)) found.add(name)
    if (scope.loop) for (const name of [variableOf(scope.loop), ...carriedNames(scope.loop)]) found.add(name)
  }
  return found
}

/** The names that one bound at a level must not have: those seen from there, and those of nodes that would see it. */
export function takenAt(workflow: Workflow, loop: Path | null): Set<string> {
  return new Set([...visibleAt(workflow, loop), ...boundNames(nodesAt(workflow, loop) ?? {})])
}

/** A name like the one wished for that is not taken: `noise`, `noise_2`. */
export function fresh(taken: ReadonlySet<string>, wish: string): string {
  const clean = wish.replace(/[^A-Za-z0-9_]+/g, '_').replace(/^(?=\d|all$|$)/, '_')
  const stem = clean.replace(/_\d+$/, '') || clean
  if (!taken.has(clean)) return clean
  for (let count = 2; ; count++) if (!taken.has(`${stem}_${count}`)) return `${stem}_${count}`
}

/** Names that are taken → fresh ones, which differ from one another and from all that are there. */
export function freshNames(wanted: Iterable<string>, taken: ReadonlySet<string>, others: ReadonlySet<string>): Map<string, string> {
  const used = new Set([...wanted, ...taken, ...others])
  const found = new Map<string, string>()
  for (const name of wanted) {
    if (!taken.has(name)) continue
    const instead = fresh(used, name)
    used.add(instead)
    found.set(name, instead)
  }
  return found
}

/** A node whose loops bind other names; the references in it stay. */
export function withBoundNames<T extends AnyNode>(node: T, renamed: ReadonlyMap<string, string>): T {
  if (!isRepeat(node) || renamed.size === 0) return node
  const name = (old: string) => renamed.get(old) ?? old
  const body = Object.fromEntries(Object.entries(node.body).map(([key, child]) => [name(key), withBoundNames(child, renamed)]))
  const { carry, next } = node
  return {
    ...node,
    for: mapKeys(node.for, name),
    ...(carry && { carry: mapKeys(carry, name) }),
    body,
    ...(next && { next: mapKeys(next, name) }),
  }
}
