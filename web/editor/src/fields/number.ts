import { numberText, readNumber } from '../workflow/json'
import type { Num } from '../workflow/types'
import type { ParamSchema } from '../server/types'

const WRITTEN = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i

/** For comparing: whole numbers exactly, others as near as JavaScript has them. */
export function exact(value: Num): bigint | number {
  const text = numberText(value)
  return /^-?\d+$/.test(text) ? BigInt(text) : Number(text)
}

/** A number as a person types it, fullwidth digits included; `null` where it is none. */
export function parseNumber(typed: string): Num | null {
  const text = typed.normalize('NFKC').replace(/[−ー]/g, '-').trim()
  const [, sign, digits = '', part = '', power] = WRITTEN.exec(text) ?? []
  if (digits + part === '') return null
  const written = (sign === '-' ? '-' : '') + (digits.replace(/^0+(?=\d)/, '') || '0') + (part && `.${part}`) + (power ? `e${power}` : '')
  return Number.isFinite(Number(written)) ? readNumber(written) : null
}

/** The same as a whole number, `null` where it is none. */
export function whole(value: Num): Num | null {
  const [, digits] = /^(-?\d+)(?:\.0+)?$/.exec(numberText(value)) ?? []
  return digits === undefined ? null : readNumber(digits)
}

/** How far an arrow key goes: the schema's step, 1, or a power of ten that suits the default and the range. */
export function stepOf(schema: ParamSchema, value: Num | undefined): number {
  if (schema.step !== undefined) return Number(schema.step)
  if (schema.type === 'integer') return 1
  const [low, high] = ends(schema)
  const typical = Math.abs(Number(schema.default ?? 0)) || Math.abs(Number(value ?? 0))
  return Math.min(1, typical > 0 ? tenth(typical) : low === undefined || high === undefined ? 0.1 : 1, powerOfTen((Number(high ?? Infinity) - Number(low ?? 0)) / 50))
}

/** `from` moved by so many steps of `by`, and kept within the range. Whole numbers of any size stay exact. */
export function moved(schema: ParamSchema, from: Num, steps: number, by: number): Num {
  return within(schema, plus(schema, from, steps, by), by)
}

/** Where a value stands between the ends of its range, 0 to 1; `null` where an end is missing. */
export function share(schema: ParamSchema, value: Num): number | null {
  const [low, high] = ends(schema)
  if (low === undefined || high === undefined || canRoll(schema)) return null
  return Math.min(1, Math.max(0, (Number(value) - Number(low)) / (Number(high) - Number(low))))
}

/** How many pixels of a drag make a step: the whole of a small range is within reach, a large one goes a step a pixel. */
export function pixelsPerStep(schema: ParamSchema, by: number): number {
  const [low, high] = ends(schema)
  if (low === undefined || high === undefined) return 4
  return Math.min(12, Math.max(1, (300 * by) / (Number(high) - Number(low))))
}

/** Whether any number does as well as another: a large range of whole numbers from 0, as seeds have it. */
export function canRoll(schema: ParamSchema): boolean {
  return schema.type === 'integer' && Number(schema.minimum) === 0 && Number(schema.maximum) >= 2 ** 31
}

/** A random number in the range, of 32 bits at most, so that it can be read and told. */
export function roll(schema: ParamSchema): number {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1))
  return Math.floor((random / 2 ** 32) * (Math.min(Number(schema.maximum), 2 ** 32 - 1) + 1))
}

function ends(schema: ParamSchema): [low: Num | undefined, high: Num | undefined] {
  return [schema.minimum ?? schema.exclusiveMinimum, schema.maximum ?? schema.exclusiveMaximum]
}

function plus({ type }: ParamSchema, from: Num, steps: number, by: number): Num {
  if (type === 'integer') {
    const integer = whole(from)
    const start = integer === null ? BigInt(Math.round(Number(from))) : BigInt(numberText(integer))
    return readNumber(String(start + BigInt(Math.round(steps)) * BigInt(Math.max(1, Math.round(by)))))
  }
  const places = Math.max(decimals(numberText(from)), decimals(String(by)) + (Number.isInteger(steps) ? 0 : 1))
  return Number((Number(from) + steps * by).toFixed(Math.min(20, places)))
}

/** The value, or the nearest that the range allows: a step away from an end that is not in it. */
function within(schema: ParamSchema, value: Num, by: number): Num {
  const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below } = schema
  const at = exact(value)
  if (minimum !== undefined && at < exact(minimum)) return minimum
  if (maximum !== undefined && at > exact(maximum)) return maximum
  if (above !== undefined && at <= exact(above)) return plus(schema, above, 1, by)
  if (below !== undefined && at >= exact(below)) return plus(schema, below, -1, by)
  return value
}

const powerOfTen = (value: number) => Number(`1e${Math.min(300, Math.floor(Math.log10(value) + 1e-9))}`)
const tenth = (value: number) => powerOfTen(value / 10)

function decimals(text: string): number {
  const [, part = '', power = '0'] = /(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text) ?? []
  return Math.max(0, part.length - Number(power))
}
