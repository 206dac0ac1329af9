import type { ParamSchema } from '../server/types'
import { isNum, numberText, read, write } from '../workflow/json'
import type { Json } from '../workflow/types'
import { exact, parseNumber, whole } from './number'
import { t } from './texts'

/** What a text stands for (`undefined`: the default), or why it stands for nothing. */
export type Coerced = { value: Json | undefined } | { reason: string }

/** The schema without its `null`, and whether it had one. Alternatives that are all numbers are one number. */
export function simple(schema: ParamSchema): { schema: ParamSchema; nullable: boolean } {
  if (!schema.anyOf) return { schema, nullable: false }
  const { anyOf, ...rest } = schema
  const options = anyOf.filter((option) => option.type !== 'null')
  const nullable = options.length < anyOf.length
  if (options.length === 1) return { schema: { ...options[0], ...rest }, nullable }
  const numbers = options.every((option) => Object.keys(option).length === 1 && (option.type === 'integer' || option.type === 'number'))
  return { schema: numbers ? { ...rest, type: 'number' } : schema, nullable }
}

/** What is wrong with a value, in the person's language; `null` if nothing is. */
export function validate(given: ParamSchema, value: Json | undefined): string | null {
  if (value === undefined) return given.required ? t.now('missing') : null
  const { schema, nullable } = simple(given)
  if (value === null && nullable) return null
  if (schema.anyOf) return firstWrong(schema.anyOf, value)
  if (schema.enum) return schema.enum.some((choice) => same(choice, value)) ? null : t.now('notChoice')
  switch (schema.type) {
    case 'integer':
    case 'number': return wrongNumber(schema, value)
    case 'string': return wrongText(schema, value)
    case 'boolean': return typeof value === 'boolean' ? null : t.now('notSwitch')
    case 'array': return wrongList(schema, value)
    case 'object': return typeof value === 'object' && value !== null && !Array.isArray(value) && !isNum(value) ? null : t.now('notObject')
    default: return null
  }
}

/** The value that a typed text stands for, checked. An empty one is none, or the default, unless it is a text itself. */
export function coerceText(given: ParamSchema, text: string): Coerced {
  const { schema, nullable } = simple(given)
  const words = schema.type === 'string'
  const isEmptyText = words && text === '' && !nullable && !schema.file && !schema.pattern && given.default !== ''
  if ((words ? text : text.trim()) === '' && !isEmptyText) return { value: nullable && given.default !== null ? null : undefined }
  const coerced = words ? { value: text } : schema.type === 'integer' || schema.type === 'number' ? coerceNumber(schema, text) : coerceJson(schema, text)
  if ('reason' in coerced) return coerced
  const reason = validate(given, coerced.value)
  return reason === null ? coerced : { reason }
}

/** A value as it is typed; that of the default for `undefined`. */
export function textOf(schema: ParamSchema, value: Json | undefined): string {
  const shown = value === undefined ? schema.default : value
  if (shown === undefined || shown === null) return ''
  return typeof shown === 'string' && simple(schema).schema.type === 'string' ? shown : isNum(shown) ? numberText(shown) : write(shown)
}

/** Whether two values are written the same. */
export function same(one: Json | undefined, other: Json | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && write(one) === write(other))
}

function coerceNumber(schema: ParamSchema, text: string): Coerced {
  const value = parseNumber(text)
  if (value === null) return { reason: t.now('notNumber') }
  if (schema.type === 'number') return { value }
  const integer = whole(value)
  return integer === null ? { reason: t.now('notWhole') } : { value: integer }
}

/** JSON; a list may be typed without brackets and quotes too, its items between commas. */
function coerceJson(schema: ParamSchema, text: string): Coerced {
  if (schema.type === 'array' && !text.trim().startsWith('[')) {
    const items = text.split(/[,,、\n]/).map((item) => item.trim()).filter(Boolean)
    return { value: items.map((item) => (schema.items?.type === 'string' ? item : readOr(item))) }
  }
  try {
    return { value: read(text) }
  } catch (error) {
    return { reason: t.now('notJson', { why: error instanceof Error ? error.message : String(error) }) }
  }
}

function readOr(text: string): Json {
  try {
    return read(text)
  } catch {
    return text
  }
}

function firstWrong(options: ParamSchema[], value: Json): string | null {
  const wrongs = options.map((option) => validate(option, value))
  return wrongs.includes(null) ? null : wrongs[0] ?? null
}

function wrongNumber(schema: ParamSchema, value: Json): string | null {
  if (!isNum(value)) return t.now('notNumber')
  if (schema.type === 'integer' && whole(value) === null) return t.now('notWhole')
  const at = exact(value)
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema
  if (minimum !== undefined && at < exact(minimum)) return t.now('tooLow', { bound: numberText(minimum) })
  if (maximum !== undefined && at > exact(maximum)) return t.now('tooHigh', { bound: numberText(maximum) })
  if (exclusiveMinimum !== undefined && at <= exact(exclusiveMinimum)) return t.now('notAbove', { bound: numberText(exclusiveMinimum) })
  if (exclusiveMaximum !== undefined && at >= exact(exclusiveMaximum)) return t.now('notBelow', { bound: numberText(exclusiveMaximum) })
  return null
}

function wrongText(schema: ParamSchema, value: Json): string | null {
  if (typeof value !== 'string') return t.now('notText')
  if (schema.maxLength !== undefined && [...value].length > schema.maxLength) return t.now('tooLong', { bound: schema.maxLength })
  return schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(value) ? null : t.now('notPattern', { pattern: schema.pattern })
}

function wrongList(schema: ParamSchema, value: Json): string | null {
  if (!Array.isArray(value)) return t.now('notList')
  if (schema.minItems !== undefined && value.length < schema.minItems) return t.now('tooFew', { bound: schema.minItems })
  if (schema.maxItems !== undefined && value.length > schema.maxItems) return t.now('tooMany', { bound: schema.maxItems })
  const wrongs = value.map((item) => (schema.items ? validate(schema.items, item) : null))
  const first = wrongs.findIndex((wrong) => wrong !== null)
  return first < 0 ? null : t.now('item', { number: first + 1, why: wrongs[first] ?? '' })
}
