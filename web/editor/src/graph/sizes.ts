import { LOOP } from '../workflow/arrange'
import type { Builtin, Catalogue, NodeType, ParamSchema } from '../server/types'
import { graphOf } from '../workflow/graph'
import { typeOf } from '../workflow/kinds'
import { carriedNames, nodeAt, variableOf } from '../workflow/scopes'
import { isRepeat, type Node, type Path, type Repeat, type Workflow } from '../workflow/types'

/*
 * How large things on the canvas are, and where their sockets lie, said once: graph.css draws them so, wires begin
 * there before anything was measured, and arranging needs no page.
 */

export const WIDTH = 264
export const HEAD = 34
export const ROW = 28
export const LONG = 76
export const WINDOW = 128
export const FOOT = 8
/** A row on the edge of a loop's frame. */
export const CARRY = 30

export interface Row {
  kind: 'ports' | 'param' | 'window'
  height: number
  input?: string
  output?: string
  schema?: ParamSchema
  long?: boolean
}

/** A text that has more than a word: prompts, captions. */
export function isLong(schema: ParamSchema): boolean {
  return schema.type === 'string' && !schema.enum && !schema.file && !schema.pattern && schema.required === true
}

const rows = new WeakMap<NodeType, Row[]>()

/** What stands on the card of a node, from above. */
export function rowsOf(type: NodeType, catalogue: Catalogue): Row[] {
  let found = rows.get(type)
  if (!found) {
    const inputs = Object.keys(type.ports)
    const outputs = Object.keys(type.outputs)
    found = Array.from({ length: Math.max(inputs.length, outputs.length) }, (_, i) => ({
      kind: 'ports' as const, height: ROW, ...(inputs[i] ? { input: inputs[i] } : {}), ...(outputs[i] ? { output: outputs[i] } : {}),
    }))
    for (const [input, schema] of Object.entries(type.params)) {
      const long = isLong(schema)
      found.push({ kind: 'param', height: long ? LONG : ROW, input, schema, long })
    }
    if (pictured(type, catalogue)) found.push({ kind: 'window', height: WINDOW })
    rows.set(type, found)
  }
  return found
}

/** The output that a card shows a picture of, if there is one. */
export function pictured(type: NodeType, catalogue: Catalogue): string | undefined {
  return Object.keys(type.outputs).find((output) => catalogue.types[type.outputs[output]!]?.views[0]?.shows === 'picture')
}

const builtins = new WeakMap<Catalogue, Map<string, Builtin>>()

/** What the engine expands itself, by its name. */
export function builtinOf(catalogue: Catalogue, name: string): Builtin | undefined {
  let table = builtins.get(catalogue)
  if (!table) builtins.set(catalogue, (table = new Map(catalogue.builtins.map((type) => [type.name, type]))))
  return table.get(name)
}

export interface Socket {
  id: string
  side: 'left' | 'right'
  /** Sources of a loop's frame lie inside it. */
  type: 'source' | 'target'
  x: number
  y: number
}

export interface Size {
  width: number
  height: number
  sockets: Socket[]
}

/** A card's size and its sockets, each at the middle of its row. */
export function cardSize(type: NodeType, catalogue: Catalogue): Size {
  const sockets: Socket[] = []
  let y = HEAD
  for (const row of rowsOf(type, catalogue)) {
    const middle = y + ROW / 2
    if (row.input) sockets.push({ id: `in:${row.input}`, side: 'left', type: 'target', x: 0, y: middle })
    if (row.output) sockets.push({ id: `out:${row.output}`, side: 'right', type: 'source', x: WIDTH, y: middle })
    y += row.height
  }
  return { width: WIDTH, height: y + FOOT, sockets }
}

/** The card of an axis: its value, then its params, of which only those that it has. */
export const AXIS_ROWS = 3

export function axisSize(): Size {
  return {
    width: WIDTH,
    height: HEAD + ROW * AXIS_ROWS + FOOT,
    sockets: [{ id: 'out:value', side: 'right', type: 'source', x: WIDTH, y: HEAD + ROW / 2 }],
  }
}

/** A placeholder for a node that is not installed: a row for everything that the file links. */
export function placeholderSize(node: Node, outputs: string[]): Size {
  const inputs = Object.keys(node.in ?? {})
  const count = Math.max(inputs.length, outputs.length, 1)
  return {
    width: WIDTH,
    height: HEAD + ROW * (count + 1) + FOOT,
    sockets: [
      ...inputs.map((input, i): Socket => ({ id: `in:${input}`, side: 'left', type: 'target', x: 0, y: HEAD + ROW * (i + 0.5) })),
      ...outputs.map((output, i): Socket => ({ id: `out:${output}`, side: 'right', type: 'source', x: WIDTH, y: HEAD + ROW * (i + 0.5) })),
    ],
  }
}

export const INPUTS_WIDTH = 292

/** The card of the workflow's inputs. */
export function inputsSize(workflow: Workflow, catalogue: Catalogue): Size {
  const sockets: Socket[] = []
  let y = HEAD
  for (const name of Object.keys(workflow.inputs ?? {})) {
    sockets.push({ id: `out:${name}`, side: 'right', type: 'source', x: INPUTS_WIDTH, y: y + ROW / 2 })
    y += isLongInput(workflow, catalogue, name) ? LONG : ROW
  }
  return { width: INPUTS_WIDTH, height: y + ROW + FOOT, sockets }
}

/** The sockets on the two edges of a loop's frame; its size is in the layout. */
export function loopSockets(loop: Repeat, width: number): Socket[] {
  const variable = variableOf(loop)
  const at = (row: number) => LOOP.top + CARRY * row + CARRY / 2
  const names = carriedNames(loop)
  const inner = LOOP.side
  const sockets: Socket[] = [
    { id: 'in:from', side: 'left', type: 'target', x: 0, y: at(0) },
    { id: 'in:to', side: 'left', type: 'target', x: 0, y: at(1) },
    { id: `item:#${variable}`, side: 'right', type: 'source', x: inner, y: at(0) },
  ]
  names.forEach((name, i) => {
    sockets.push(
      { id: `in:carry.${name}`, side: 'left', type: 'target', x: 0, y: at(i + 2) },
      { id: `item:${name}`, side: 'right', type: 'source', x: inner, y: at(i + 2) },
      { id: `in:next.${name}`, side: 'left', type: 'target', x: width - inner, y: at(2 * i) },
      { id: `out:${name}`, side: 'right', type: 'source', x: width, y: at(2 * i) },
      { id: `out:${name}.all`, side: 'right', type: 'source', x: width, y: at(2 * i + 1) },
    )
  })
  sockets.push({ id: 'in:+', side: 'left', type: 'target', x: width - inner, y: at(2 * names.length) })
  return sockets
}

/** Gives the size of everything in a workflow, by path; of a loop's frame the least it can have. */
export function sizer(workflow: Workflow, catalogue: Catalogue): (path: Path) => [number, number] {
  return (path) => {
    if (path === '#inputs') {
      const { width, height } = inputsSize(workflow, catalogue)
      return [width, height]
    }
    const node = nodeAt(workflow, path)
    if (!node) return [WIDTH, HEAD]
    if (isRepeat(node)) return [2 * LOOP.side + WIDTH, LOOP.top + CARRY * Math.max(carriedNames(node).length + 2, 2 * carriedNames(node).length + 1) + LOOP.bottom]
    const type = typeOf(catalogue, node)
    const size = builtinOf(catalogue, node.type) ? axisSize() : type ? cardSize(type, catalogue) : placeholderSize(node, [])
    return [size.width, size.height]
  }
}

const schemas = new WeakMap<Workflow, Map<string, ParamSchema>>()

/** What an input may be: as the first param that reads it says. */
export function schemaOfInput(workflow: Workflow, catalogue: Catalogue, name: string): ParamSchema {
  let found = schemas.get(workflow)
  if (!found) {
    found = new Map()
    for (const wire of graphOf(workflow, catalogue).wires) {
      const reader = wire.from === '#inputs' ? nodeAt(workflow, wire.to) : undefined
      const schema = reader && typeOf(catalogue, reader)?.params[wire.input.slice('in:'.length)]
      const input = wire.output.slice('out:'.length)
      if (schema && !found.has(input)) found.set(input, schema)
    }
    schemas.set(workflow, found)
  }
  const type = ({ string: 'string', int: 'integer', float: 'number', bool: 'boolean' } as const)[workflow.inputs?.[name]?.type ?? 'string']
  const schema = found.get(name) ?? {}
  return { ...(schema.type === type || (schema.type === 'number' && type === 'integer') ? schema : {}), type }
}

/** Whether an input is a text of several words, which is given more room. */
export function isLongInput(workflow: Workflow, catalogue: Catalogue, name: string): boolean {
  return isLong(schemaOfInput(workflow, catalogue, name))
}
