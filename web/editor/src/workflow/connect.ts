import type { Catalogue } from '../server/types'
import { type Graph, graphOf, type Link } from './graph'
import { addCarried } from './edit'
import { accepts, isAxis, isJsonKind, kindOfParam, typeOf } from './kinds'
import { closesCircle } from './order'
import { own } from './records'
import { isInner, withLink } from './references'
import type { Reason } from './reasons'
import { resolve, scopeAt, spell } from './resolve'
import { cutLoose } from './rewire'
import { INPUTS, isCarried, nameOf, nodeAt, parentOf, withNode, within } from './scopes'
import { type AnyNode, isRepeat, type Path, type Reference, type Workflow } from './types'

/** A wire dropped on this socket of a loop adds a carried value. */
export const ADD = 'in:+'

/** Why two sockets cannot be linked; null if they can. */
export function whyNot(workflow: Workflow, catalogue: Catalogue, link: Link): Reason | null {
  const { from, output, to, input } = link
  const graph = graphOf(workflow, catalogue)
  const found = graph.kinds.get(`${from}|${output}`)
  const node = nodeAt(workflow, to)
  if (found === undefined || !node) return { code: 'nothing' }
  if (isAxis(node)) return { code: 'axis' }
  const wanted = wantedBy(node, link, graph, catalogue)
  if (!wanted) return { code: 'nothing' }
  if (from === to && output.startsWith('out:')) return { code: 'self' }

  const at = readFrom(link)
  const reference = referenceTo(workflow, catalogue, from, output, at)
  if (reference === null) return { code: output.startsWith('item:') ? 'inside' : 'deep' }
  const meant = resolve(scopeAt(workflow, at)!, reference)
  if (meant?.path !== from) return { code: 'hidden' }
  const inner = input === ADD && at === to
  if (closesCircle(graph, inner ? { ...link, input: 'in:next.' } : link)) return { code: 'circle' }

  if (found && wanted.kind && !wanted.accepts(found)) {
    return wanted.bound ? { code: 'bound', found } : { code: 'kind', wanted: wanted.kind, found }
  }
  return wanted.list && found && !meant.every && !isLooped(graph, catalogue, workflow, link) ? { code: 'list' } : null
}

/** What a socket reads; `kind` is null if it takes anything. */
interface Wanted {
  kind: string | null
  accepts: (found: string) => boolean
  bound?: boolean
  /** It reads one value from every iteration of a loop. */
  list?: boolean
}

function wantedBy(node: AnyNode, { to, input }: Link, graph: Graph, catalogue: Catalogue): Wanted | null {
  const anything = { kind: null, accepts: () => true }
  if (isRepeat(node)) {
    if (input === ADD) return anything
    if (input === 'in:from' || input === 'in:to') return { kind: 'int', bound: true, accepts: (found) => found === 'int' || found === 'json' }
    const [, end, name] = /^in:(carry|next)\.(.+)$/.exec(input) ?? []
    if (!end || !name || !isCarried(node, name)) return null
    const other = graph.wires.find((wire) => wire.to === to && wire.input === `in:${end === 'carry' ? 'next' : 'carry'}.${name}`)
    // What is handed on is of the kind that is begun with; handed on unchanged, it has no kind of its own.
    if (!other?.kind || (end === 'carry' && other.from === to)) return anything
    const kind = other.kind
    return { kind, accepts: (found) => found === kind || (/^(int|float)$/.test(found) && /^(int|float)$/.test(kind)) }
  }
  const type = typeOf(catalogue, node)
  if (!type) return anything
  const name = input.slice('in:'.length)
  const port = own(type.ports, name)
  const schema = own(type.params, name)
  const kind = port?.type ?? (schema && kindOfParam(schema))
  return kind === undefined ? null : { kind, accepts: (found) => accepts(kind, found), list: port?.gathers === 'loop' }
}

/** The loop in whose body a link is read; null at the top. */
function readFrom({ from, output, to, input }: Link): Path | null {
  if (isInner(input)) return to
  const inside = output.startsWith('item:') ? from : from === INPUTS ? null : parentOf(from)
  return input === ADD && inside !== null && within(inside, to) ? to : parentOf(to)
}

/** How a socket is referred to inside a loop, or at the top; null where it cannot be. */
export function referenceTo(workflow: Workflow, catalogue: Catalogue, path: Path, output: string, at: Path | null): Reference | null {
  const node = path === INPUTS ? undefined : nodeAt(workflow, path)
  const type = node && typeOf(catalogue, node)
  const alone = output === 'out:value' && !(node && isRepeat(node)) && Object.keys(type?.outputs ?? {}).length < 2
  return spell({ path, output, local: alone ? '' : `.${output.slice('out:'.length)}` }, at)
}

/** Whether what a link carries comes from every iteration of a loop. */
function isLooped(graph: Graph, catalogue: Catalogue, workflow: Workflow, link: Link): boolean {
  const into = new Map<Path, typeof graph.wires>()
  for (const wire of graph.wires) into.set(wire.to, [...(into.get(wire.to) ?? []), wire])
  const seen = new Set<string>()
  const pending: Pick<Link, 'from' | 'output'>[] = [link]
  for (const { from, output } of pending) {
    if (output.endsWith('.all')) return true
    const key = `${from}|${output}`
    const node = nodeAt(workflow, from)
    if (seen.has(key) || !node) continue
    seen.add(key)
    const type = typeOf(catalogue, node)
    const carried = isRepeat(node) ? output.replace(/^(item|out):/, 'in:carry.') : null
    for (const wire of into.get(from) ?? []) {
      if (carried !== null ? wire.input !== carried : own(type?.ports, wire.input.slice('in:'.length))?.gathers) continue
      if (wire.every) return true
      pending.push(wire)
    }
  }
  return false
}

/** Two sockets linked; what was linked there, or written, is replaced. Where it cannot be said, the workflow stays as it is. */
export function connect(workflow: Workflow, catalogue: Catalogue, link: Link): Workflow {
  const { from, output, to, input } = link
  const node = nodeAt(workflow, to)
  const at = readFrom(link)
  const reference = referenceTo(workflow, catalogue, from, output, at)
  if (!node || reference === null) return workflow
  if (input !== ADD) return withNode(workflow, to, withLink(node, input, reference))
  const kind = graphOf(workflow, catalogue).kinds.get(`${from}|${output}`)
  const said = output.replace(/^\w+:#?/, '').replace(/\.all$/, '')
  const wish = kind && !isJsonKind(kind) ? snake(kind) : said === 'value' ? nameOf(from) : said
  return addCarried(workflow, to, wish, { [at === to ? 'next' : 'carry']: reference })
}

/** `LearnedWord` → `learned_word`. */
function snake(kind: string): string {
  return kind.replace(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '_').toLowerCase()
}

/** A socket linked to nothing. A carried value that has lost both its ends is gone, and with it the links to it. */
export function disconnect(workflow: Workflow, { to, input }: Pick<Link, 'to' | 'input'>): Workflow {
  const node = nodeAt(workflow, to)
  const without = node && withLink(node, input, null)
  if (!without || without === node) return workflow
  const after = withNode(workflow, to, without)
  return isRepeat(without) ? cutLoose(workflow, after) : after
}
