import { isLosslessNumber, LosslessNumber, parse, stringify } from 'lossless-json'
import type { Json, Num } from './types'

/** JSON text as data: a number that JavaScript would write differently (7.0, 2⁵³ + 1) stays as it was written. */
export function read(text: string): Json {
  return parse(text, undefined, readNumber) as Json
}

/** Data as JSON text, as `read` took it. `indent` 1 is how the server writes files. */
export function write(value: Json | object, indent?: number): string {
  return stringify(value, undefined, indent) ?? 'null'
}

export function readNumber(text: string): Num {
  return String(Number(text)) === text ? Number(text) : new LosslessNumber(text)
}

/** A number as it is written. */
export function numberText(value: Num): string {
  return isLosslessNumber(value) ? value.value : String(value)
}

export function isNum(value: unknown): value is Num {
  return typeof value === 'number' || isLosslessNumber(value)
}
