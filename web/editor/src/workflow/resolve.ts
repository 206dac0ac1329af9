import { has, own } from './records'
import { carriedNames, INPUTS, isCarried, join, nameOf, parentOf, variableOf, within } from './scopes'
import { type AnyNode, isRepeat, type Path, type Reference, type Repeat, type Workflow } from './types'

/** Where names are looked up: a level, and those around it. */
export interface Scope {
  workflow: Workflow
  path: Path | null
  nodes: Record<string, AnyNode>
  loop: Repeat | null
  outer: Scope | null
}

export function innerScope(outer: Scope, path: Path, loop: Repeat): Scope {
  return { workflow: outer.workflow, path, nodes: loop.body, loop, outer }
}

export function scopeAt(workflow: Workflow, loop: Path | null): Scope | null {
  let scope: Scope = { workflow, path: null, nodes: workflow.nodes, loop: null, outer: null }
  for (const name of loop?.split('.') ?? []) {
    const node = own(scope.nodes, name)
    if (!node || !isRepeat(node)) return null
    scope = innerScope(scope, join(scope.path, name), node)
  }
  return scope
}

/** What a reference means: an output's socket; `every` if it is read from outside the loop that its node stands in. */
export interface Source {
  path: Path
  output: string
  every: boolean
  /** What is written behind the node's name. */
  local: string
}

/** What a reference stands for, as far as that can be said without knowing the types of nodes. */
export function resolve(scope: Scope, reference: Reference): Source | null {
  const [name = '', ...rest] = reference.split('.')
  for (let at: Scope | null = scope; at; at = at.outer) {
    if (at.loop && at.path !== null) {
      const item = name === variableOf(at.loop) ? `#${name}` : isCarried(at.loop, name) ? name : null
      if (item !== null) return rest.length ? null : { path: at.path, output: `item:${item}`, every: false, local: '' }
    }
    const node = own(at.nodes, name)
    if (node) return isRepeat(node) ? ofLoop(node, join(at.path, name), rest) : ofNode(join(at.path, name), rest)
  }
  const input = has(scope.workflow.inputs, name) && !rest.length
  return input ? { path: INPUTS, output: `out:${name}`, every: false, local: '' } : null
}

function ofNode(path: Path, rest: string[], every = false): Source | null {
  if (rest.length > 1 || rest[0] === 'all') return null
  return { path, output: `out:${rest[0] ?? 'value'}`, every, local: rest.length ? `.${rest[0]}` : '' }
}

function ofLoop(loop: Repeat, path: Path, rest: string[]): Source | null {
  const every = rest.at(-1) === 'all'
  const [name, ...deeper] = every ? rest.slice(0, -1) : rest
  const only = carriedNames(loop)
  const carried = name ?? (only.length === 1 ? only[0]! : '')
  if (isCarried(loop, carried) && !deeper.length) {
    return { path, output: `out:${carried}${every ? '.all' : ''}`, every, local: rest.map((part) => `.${part}`).join('') }
  }
  const child = every && name !== undefined ? own(loop.body, name) : undefined
  if (!child || name === undefined) return null
  if (!isRepeat(child)) return ofNode(join(path, name), deeper, true)
  const inner = deeper.length === 1 && isCarried(child, deeper[0]!)
  return inner ? { path: join(path, name), output: `out:${deeper[0]}`, every: true, local: `.${deeper[0]}` } : null
}

/** The reference to a source as it is written inside a loop, or at the top; null where it cannot be seen from there. */
export function spell({ path, output, local }: Pick<Source, 'path' | 'output' | 'local'>, at: Path | null): Reference | null {
  if (path === INPUTS) return output.slice('out:'.length)
  if (output.startsWith('item:')) return within(at, path) ? output.replace(/^item:#?/, '') : null
  const home = parentOf(path)
  if (within(at, home)) return nameOf(path) + local
  if (home === null || !within(at, parentOf(home)) || output.endsWith('.all')) return null
  // From outside a loop the output is always said, where there it could be left out.
  const said = local || (output === 'out:value' ? '' : `.${output.slice('out:'.length)}`)
  return `${nameOf(home)}.${nameOf(path)}${said}.all`
}
