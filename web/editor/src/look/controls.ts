import type { ParamSchema } from '../server/types'
import { numberOf } from './written'

/** How a param of a view is set. */
export type Control =
  | { as: 'switch' }
  | { as: 'segments' | 'choice'; options: string[] }
  /** `all`: −1 stands for all of them. `bounded`: short enough for a slider. */
  | { as: 'number'; whole: boolean; low: number | null; high: number | null; all: boolean; bounded: boolean }
  | { as: 'text' }

const FEW = { options: 4, letters: 36 }

/** The control that suits a param's JSON Schema. */
export function controlOf(schema: ParamSchema): Control {
  const some = schema.anyOf?.find((one) => one.type !== 'null') ?? schema
  if (some.enum) {
    const options = some.enum.map(String)
    const few = options.length <= FEW.options && options.join('').length <= FEW.letters
    return { as: few ? 'segments' : 'choice', options }
  }
  if (some.type === 'boolean') return { as: 'switch' }
  if (some.type !== 'integer' && some.type !== 'number') return { as: 'text' }
  const whole = some.type === 'integer'
  const low = numberOf(some.minimum ?? some.exclusiveMinimum)
  const high = numberOf(some.maximum ?? some.exclusiveMaximum)
  const all = whole && low === -1 && numberOf(schema.default) === -1
  return { as: 'number', whole, low: all ? 0 : low, high, all, bounded: low !== null && high !== null }
}

/** The number that was typed, or null if it is none or out of range. */
export function typedNumber(text: string, { whole, low, high }: { whole: boolean; low: number | null; high: number | null }): number | null {
  const value = text.trim() === '' ? NaN : Number(text)
  const fits = Number.isFinite(value) && (!whole || Number.isInteger(value)) && value >= (low ?? -Infinity) && value <= (high ?? Infinity)
  return fits ? value : null
}

/** Whether a param says which word is meant. */
export const isWord = (name: string) => name === 'token' || name === 'word'

const SPECIAL = /^(?:<\|(.+)\|>|<(?!\/w>)([^<>]+)>|\[([A-Z]+)\])$/

/** Whether a piece stands for no text: the beginning, the end, padding. */
export const isSpecial = (piece: string) => SPECIAL.test(piece)

/** A piece of text as it is read: without brackets, or the mark of a word's end. */
export const pieceText = (piece: string) => SPECIAL.exec(piece)?.slice(1).find(Boolean) ?? piece.replace('</w>', '')
