import type { Catalogue, NodeType } from '../server/types'
import { isAxis, kindOfAxis, kindOfInput, kindOfParam, typeOf } from './kinds'
import { has } from './records'
import { mapReferences } from './references'
import { resolve } from './resolve'
import { carriedNames, eachNode, INPUTS, variableOf } from './scopes'
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

/** Their kind is that of the values. */
const AXIS_OUTPUTS = { value: '' }

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
    const outputs = node && (isAxis(node) ? AXIS_OUTPUTS : typeOf(catalogue, node)?.outputs)
    const output = source && outputs ? outputOf(outputs, source.output) : source?.output
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

  const links = new Map(wires.flatMap((wire) => (isRepeat(nodes.get(wire.to)!) ? [[wire.id, wire]] : [])))
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
function outputOf(outputs: NodeType['outputs'], output: string): string | undefined {
  if (has(outputs, output.slice('out:'.length))) return output
  const [only, ...others] = Object.keys(outputs)
  return output === 'out:value' && only !== undefined && !others.length ? `out:${only}` : undefined
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

function socket(id: string, name: string, kind: string | null, more: Partial<Socket> = {}): Socket {
  const { port = false, required = false, gathers = null, known = true } = more
  return { id, name, kind, port, required, gathers, known }
}
