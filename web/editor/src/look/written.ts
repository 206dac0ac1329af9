import { isNum, numberText } from '../workflow/json'
import type { Json } from '../workflow/types'

/** A number of the server's JSON as JavaScript's, or null if it is none. */
export function numberOf(value: Json | undefined): number | null {
  return value !== undefined && isNum(value) ? Number(numberText(value)) : null
}

/** A number with five digits, which is as many as a person compares. */
export function short(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(5)))
}

/** JSON in one line, as a person would write it down. */
export function jsonText(value: Json): string {
  if (value === null) return '–'
  if (typeof value === 'string') return value
  const number = numberOf(value)
  if (number !== null) return short(number)
  if (Array.isArray(value)) return value.map(jsonText).join(', ')
  return typeof value === 'object' ? Object.entries(value).map(([name, part]) => `${name}: ${jsonText(part as Json)}`).join(', ') : String(value)
}

/** 8524 → 8.5 kB */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1)
  const scaled = bytes / 1000 ** step
  return `${step && scaled < 100 ? scaled.toFixed(1) : Math.round(scaled)} ${units[step]}`
}
