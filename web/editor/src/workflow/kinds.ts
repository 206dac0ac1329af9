import type { Catalogue, NodeType, ParamSchema } from '../server/types'
import { isNum, numberText } from './json'
import type { AnyNode, InputType, Json } from './types'

/** The kinds of plain data; all others are value types by name. */
const JSON_KINDS: ReadonlySet<string> = new Set(['int', 'float', 'str', 'bool', 'list', 'json'])

const SCHEMA_KINDS: Record<string, string> = { integer: 'int', number: 'float', string: 'str', boolean: 'bool', array: 'list' }

export function isJsonKind(kind: string): boolean {
  return JSON_KINDS.has(kind)
}

/** Whether what reads one kind may be linked to another: an int is a float, and JSON may be anything. */
export function accepts(wanted: string, found: string): boolean {
  if (!isJsonKind(wanted)) return wanted === found
  return found === 'json' || wanted === found || (wanted === 'json' && isJsonKind(found)) || (wanted === 'float' && found === 'int')
}

/** The kind of a param. Whether it may be null says nothing about what can be linked to it. */
export function kindOfParam(schema: ParamSchema): string {
  const kinds = new Set((schema.anyOf ?? [schema]).flatMap(({ type }) => (type === 'null' ? [] : [SCHEMA_KINDS[type ?? ''] ?? 'json'])))
  if (kinds.has('float') && kinds.has('int')) kinds.delete('int')
  const [kind = 'json', ...others] = kinds
  return others.length ? 'json' : kind
}

export function kindOfInput(type: InputType): string {
  return type === 'string' ? 'str' : type
}

/** The kind that all values of an axis share; null where it is not said what they are. */
export function kindOfAxis(params: Record<string, Json> = {}): string | null {
  const kinds = new Set<string>()
  if (Array.isArray(params.values)) for (const value of params.values) kinds.add(kindOfValue(value))
  else if (params.seeds != null) kinds.add('int')
  else if (params.from != null) for (const name of ['from', 'to', 'step']) kinds.add(kindOfValue(params[name] ?? 1))
  if (kinds.has('float') && kinds.has('int')) kinds.delete('int')
  const [kind = null, ...others] = kinds
  return others.length ? 'json' : kind
}

function kindOfValue(value: Json): string {
  if (isNum(value)) return /[.e]/i.test(numberText(value)) ? 'float' : 'int'
  if (Array.isArray(value)) return 'list'
  return typeof value === 'string' ? 'str' : typeof value === 'boolean' ? 'bool' : 'json'
}

const tables = new WeakMap<Catalogue, Map<string, NodeType>>()

/** The type of a node, unless it is one that the engine expands itself, or one that nobody knows. */
export function typeOf(catalogue: Catalogue, node: AnyNode): NodeType | undefined {
  let table = tables.get(catalogue)
  if (!table) tables.set(catalogue, (table = new Map(catalogue.nodes.map((type) => [type.name, type]))))
  return table.get(node.type)
}

export function isAxis(node: AnyNode): boolean {
  return node.type === 'axis'
}
