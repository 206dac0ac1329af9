import type { Catalogue, NodeType } from '../server/types'
import { isAxis, kindOfAxis, kindOfInput, kindOfParam, typeOf } from './kinds'
import { own } from './records'
import { isInner, mapReferences } from './references'
import { resolve } from './resolve'
import { carriedNames, eachNode, INPUTS, parentOf, variableOf, within } from './scopes'
import { type AnyNode, isRepeat, type Path, type Reference, type Workflow } from './types'

/** Two sockets, of two nodes. */
export interface Link {
  from: Path
  output: string
  to: Path
  input: string
}

/** A link as it stands in the workflow. */
export interface Wire extends Link {
  id: string
  /** What travels on it; null where that is not known. */
  kind: string | null
  /** It stands for every iteration of a loop. */
  every: boolean
}

export interface Graph {
  wires: Wire[]
  /** `path|socket` → kind, for every socket that gives something; '' where it is not known. */
  kinds: Map<string, string>
  /** Node → its sockets that something reads. */
  reads: Map<Path, Set<string>>
  /** References to nothing. */
  dangling: { path: Path; input: string; reference: Reference }[]
}

export interface Socket {
  id: string
  name: string
  kind: string | null
  /** A port is linked only; a param may have a literal. */
  port: boolean
  required: boolean
  gathers: null | 'loop' | 'sweep'
  /** Whether the node's type has it; if not, it is there because the file says so. */
  known: boolean
}

export interface Sockets {
  inputs: Socket[]
  outputs: Socket[]
  /** Of a loop, inside its frame: what an iteration begins with. */
  items: Socket[]
  /** Likewise: what it hands on. */
  next: Socket[]
}

const graphs = new WeakMap<Workflow, { catalogue: Catalogue; graph: Graph }>()

/** The wires of a workflow and what travels on them. Asked again about the same workflow, it is the same graph. */
export function graphOf(workflow: Workflow, catalogue: Catalogue): Graph {
  const known = graphs.get(workflow)
  if (known?.catalogue === catalogue) return known.graph
  const graph = read(workflow, catalogue)
  graphs.set(workflow, { catalogue, graph })
  return graph
}

function read(workflow: Workflow, catalogue: Catalogue): Graph {
  const nodes = new Map(eachNode(workflow.nodes))
  const kinds = new Map<string, string>()
  const reads: Graph['reads'] = new Map()
  const dangling: Graph['dangling'] = []
  const wires: Wire[] = []

  for (const [name, input] of Object.entries(workflow.inputs ?? {})) kinds.set(`${INPUTS}|out:${name}`, kindOfInput(input.type))
  for (const [path, node] of nodes) {
    const type = typeOf(catalogue, node)
    if (isRepeat(node)) kinds.set(`${path}|item:#${variableOf(node)}`, 'int')
    else if (isAxis(node)) kinds.set(`${path}|out:value`, kindOfAxis(node.params) ?? '')
    else if (type) for (const [output, kind] of Object.entries(type.outputs)) kinds.set(`${path}|out:${output}`, kind)
  }

  // Links are found first, as the kind of what a loop carries is that of what it begins with, wherever that stands.
  mapReferences(workflow, (reference, scope, to, input) => {
    const source = resolve(scope, reference)
    const node = source && nodes.get(source.path)
    const type = node && typeOf(catalogue, node)
    const output = source && type ? outputOf(type, source.output) : source?.output
    if (!source || output === undefined) {
      dangling.push({ path: to, input, reference })
      return reference
    }
    wires.push({ id: `${to}|${input}`, from: source.path, output, to, input, kind: null, every: source.every })
    const read = reads.get(source.path)
    if (read) read.add(output)
    else reads.set(source.path, new Set([output]))
    return reference
  })

  const links = new Map(wires.map((wire) => [wire.id, wire]))
  const kindOfCarried = (path: Path, name: string): string => {
    const key = `${path}|item:${name}`
    const kind = kinds.get(key)
    if (kind !== undefined) return kind
    kinds.set(key, '') // while it is being asked for: loops may carry one another's values in a circle
    const wire = links.get(`${path}|in:carry.${name}`) ?? links.get(`${path}|in:next.${name}`)
    const found = wire ? kindOfSource(wire) : ''
    for (const socket of [`item:${name}`, `out:${name}`, `out:${name}.all`]) kinds.set(`${path}|${socket}`, found)
    return found
  }
  const kindOfSource = ({ from, output }: Link): string => {
    const node = nodes.get(from)
    const carried = node && isRepeat(node) && /^(?:item:|out:)([^#.]+)/.exec(output)
    return carried ? kindOfCarried(from, carried[1]!) : (kinds.get(`${from}|${output}`) ?? '')
  }
  for (const [path, node] of nodes) if (isRepeat(node)) for (const name of carriedNames(node)) kindOfCarried(path, name)

  for (const wire of wires) {
    wire.kind = kindOfSource(wire) || null
    const key = `${wire.from}|${wire.output}`
    if (!kinds.has(key)) kinds.set(key, '') // of a type that nobody knows: it has what is read of it
  }
  return { wires, kinds, reads, dangling }
}

/** The output that a reference means: the only one needs no name. */
function outputOf(type: NodeType, output: string): string | undefined {
  if (own(type.outputs, output.slice('out:'.length)) !== undefined) return output
  const [only, ...others] = Object.keys(type.outputs)
  return output === 'out:value' && only !== undefined && !others.length ? `out:${only}` : undefined
}

/** Nodes of the same level → those whose values they need, directly. */
const needs = new WeakMap<Graph, Map<Path, Set<Path>>>()

function needsOf(graph: Graph): Map<Path, Set<Path>> {
  const known = needs.get(graph)
  if (known) return known
  const found = new Map<Path, Set<Path>>()
  for (const wire of graph.wires) {
    const ends = siblings(wire)
    if (!ends) continue
    const needed = found.get(ends.reader)
    if (needed) needed.add(ends.source)
    else found.set(ends.reader, new Set([ends.source]))
  }
  needs.set(graph, found)
  return found
}

/** The two nodes of one level between which a link makes an order; null where there is none. */
export function siblings({ from, output, to, input }: Link): { level: Path | null; source: Path; reader: Path } | null {
  if (from === INPUTS || output.startsWith('item:')) return null
  const inner = isInner(input)
  let level = parentOf(from)
  while (!within(inner ? to : parentOf(to), level)) level = parentOf(level!)
  // What a loop hands on comes after all of its body.
  if (inner && to === level) return null
  const at = (path: Path) => {
    const end = path.indexOf('.', level === null ? 0 : level.length + 1)
    return end < 0 ? path : path.slice(0, end)
  }
  return { level, source: at(from), reader: at(to) }
}

/** Whether a link would make a node wait for itself. */
export function closesCircle(graph: Graph, link: Link): boolean {
  const ends = siblings(link)
  return ends !== null && (ends.source === ends.reader || upstream(graph, ends.source).has(ends.reader))
}

/** Whether there is a node that waits for itself. */
export function hasCircle(graph: Graph): boolean {
  const needed = needsOf(graph)
  const done = new Set<Path>()
  const waiting = new Map(Array.from(needed, ([path, sources]) => [path, sources.size]))
  const readers = new Map<Path, Path[]>()
  for (const [path, sources] of needed) for (const source of sources) readers.set(source, [...(readers.get(source) ?? []), path])
  const ready = [...readers.keys()].filter((path) => !waiting.has(path))
  for (const path of ready) {
    done.add(path)
    for (const reader of readers.get(path) ?? []) {
      waiting.set(reader, waiting.get(reader)! - 1)
      if (waiting.get(reader) === 0) ready.push(reader)
    }
  }
  return [...needed.keys()].some((path) => !done.has(path))
}

const upstreams = new WeakMap<Graph, Map<Path, Set<Path>>>()

/** The nodes of a node's level that it depends on, and itself. */
export function upstream(graph: Graph, path: Path): ReadonlySet<Path> {
  let known = upstreams.get(graph)
  if (!known) upstreams.set(graph, (known = new Map()))
  let found = known.get(path)
  if (!found) {
    const needed = needsOf(graph)
    known.set(path, (found = new Set([path])))
    for (const one of found) for (const source of needed.get(one) ?? []) found.add(source)
  }
  return found
}

/** The sockets of a node. `read` are those outputs that something reads: all that can be told of an unknown type. */
export function socketsOf(node: AnyNode, type: NodeType | undefined, read: Iterable<string> = []): Sockets {
  if (isRepeat(node)) {
    const carried = carriedNames(node)
    return {
      inputs: [
        socket('in:from', 'from', 'int', { required: true }),
        socket('in:to', 'to', 'int', { required: true }),
        ...carried.map((name) => socket(`in:carry.${name}`, name, null, { port: true, required: true })),
      ],
      outputs: carried.flatMap((name) => [socket(`out:${name}`, name, null), socket(`out:${name}.all`, `${name}.all`, null)]),
      items: [socket(`item:#${variableOf(node)}`, variableOf(node), 'int'), ...carried.map((name) => socket(`item:${name}`, name, null))],
      next: carried.map((name) => socket(`in:next.${name}`, name, null, { port: true, required: true })),
    }
  }
  const ports = Object.entries(type?.ports ?? {}).map(([name, port]) => socket(`in:${name}`, name, port.type, { ...port, port: true }))
  const params = Object.entries(type?.params ?? {}).map(([name, schema]) =>
    socket(`in:${name}`, name, kindOfParam(schema), { required: schema.required ?? false }),
  )
  const inputs = [...ports, ...params]
  const outputs = isAxis(node)
    ? [socket('out:value', 'value', kindOfAxis(node.params))]
    : Object.entries(type?.outputs ?? {}).map(([name, kind]) => socket(`out:${name}`, name, kind))
  const strayIn = Object.keys(node.in ?? {}).map((name) => socket(`in:${name}`, name, null, { port: true, known: false }))
  const strayOut = Array.from(read, (id) => socket(id, id.slice('out:'.length), null, { known: false }))
  return { inputs: merged(inputs, strayIn), outputs: merged(outputs, strayOut), items: [], next: [] }
}

function merged(sockets: Socket[], strays: Socket[]): Socket[] {
  return [...sockets, ...strays.filter(({ id }) => !sockets.some((other) => other.id === id))]
}

function socket(id: string, name: string, kind: string | null, { port = false, required = false, gathers = null, known = true }: Partial<Socket> = {}): Socket {
  return { id, name, kind, port, required, gathers, known }
}
