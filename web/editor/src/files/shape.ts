import { isNum } from '../workflow/json'
import { isOfLater } from '../workflow/places'
import { own } from '../workflow/records'

type Check = (value: unknown, where: string) => string | null

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isNum(value)

const is = (kind: 'string' | 'boolean'): Check => (value, where) => (typeof value === kind ? null : where)
const number: Check = (value, where) => (isNum(value) ? null : where)
const text = is('string')

const maybe = (check: Check): Check => (value, where) => (value === undefined ? null : check(value, where))

const first = (checks: Iterable<string | null>): string | null => {
  for (const found of checks) if (found !== null) return found
  return null
}

const listOf = (check: Check, lengths?: number[]): Check => (value, where) =>
  Array.isArray(value) && (lengths?.includes(value.length) ?? true) ? first(value.map((one, i) => check(one, `${where}[${i}]`))) : where

const recordOf = (check: Check): Check => (value, where) =>
  isObject(value) ? first(Object.entries(value).map(([key, one]) => check(one, `${where}.${key}`))) : where

const object = (checks: Record<string, Check>): Check => (value, where) =>
  isObject(value)
    ? first(Object.entries(checks).map(([key, check]) => check(Object.hasOwn(value, key) ? value[key] : undefined, where ? `${where}.${key}` : key)))
    : where

const anything: Check = () => null
const reference: Check = (value, where) => number(value, where) && text(value, where)
const common = { bypass: maybe(is('boolean')), note: maybe(text) }

const simple = object({ type: text, in: maybe(recordOf(text)), params: maybe(recordOf(anything)), ...common })
const repeat = object({
  for: recordOf(listOf(reference, [2])), carry: maybe(recordOf(text)), next: maybe(recordOf(text)),
  body: (value, where) => recordOf(node)(value, where), ...common,
})
const node: Check = (value, where) => (isObject(value) && value.type === 'repeat' ? repeat : simple)(value, where)

const place = listOf(number, [2, 4])
const LAYOUT: Record<string, Check> = {
  '#notes': listOf(object({ at: place, text })),
  '#frames': listOf(object({ at: place, title: text, colour: maybe(text) })),
  '#sweeps': recordOf(text),
}
const layout: Check = (value, where) =>
  isObject(value) ? first(Object.entries(value).map(([key, one]) => (own(LAYOUT, key) ?? (isOfLater(key) ? anything : place))(one, `${where}.${key}`))) : where

const workflow = object({
  title: maybe(text), description: maybe(text), inputs: maybe(recordOf(object({ type: text, description: maybe(text) }))),
  nodes: recordOf(node), layout: maybe(layout),
})

/** Where data has not the shape of a workflow (`nodes.noise.type`); empty if that is the whole, null if it has it. */
export function misfit(data: unknown): string | null {
  return workflow(data, '')
}
