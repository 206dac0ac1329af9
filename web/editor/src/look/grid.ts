import type { Json } from '../workflow/types'
import { numberOf } from './written'

/** A table, as the server gives it. */
export interface Table {
  columns: string[]
  rows: Json[][]
}

/** Numbers along named axes; the last two are rows and columns. Inner lists may differ in length: layers do in size. */
export interface Grid {
  axes: { name: string; labels: Json[] }[]
  values: Json[]
}

type Named = { [key: string]: Json }

const isObject = (value: Json): value is Named => value !== null && typeof value === 'object' && !Array.isArray(value)

/** The table in a view's JSON, if it is one. */
export function tableOf(json: Json): Table | null {
  return isObject(json) && Array.isArray(json.columns) && Array.isArray(json.rows) ? (json as unknown as Table) : null
}

/** The cell of a table that has no other. */
export function onlyCell({ columns, rows }: Table): Json | undefined {
  return columns.length === 1 && rows.length === 1 ? rows[0]?.[0] : undefined
}

/** The numbers in a view's JSON, if they have a place in a grid: `values` along axes, or the `pixels` of a picture. */
export function gridOf(json: Json): Grid | null {
  if (!isObject(json)) return null
  if (Array.isArray(json.pixels)) return gridOfPixels(json.pixels)
  if (!Array.isArray(json.values)) return null
  const given = Object.entries(isObject(json.axes ?? null) ? (json.axes as Named) : json)
    .filter((pair): pair is [string, Json[]] => pair[0] !== 'values' && Array.isArray(pair[1]))
  const sizes = depths(json.values)
  const inner = ['row', 'column'].slice(-Math.max(sizes.length - given.length, 0))
  const axes = sizes.map((size, depth) => {
    const [name, labels] = given[depth] ?? [inner[depth - given.length] ?? String(depth), upTo(size)]
    return { name, labels }
  })
  return { axes, values: json.values }
}

/** (row, column, colour) → (colour, row, column): a colour is looked at alone. */
function gridOfPixels(pixels: Json[]): Grid | null {
  const rows = pixels as Json[][]
  const first = rows[0]?.[0]
  if (first === undefined) return null
  const across = { name: 'column', labels: upTo(rows[0]!.length) }
  const down = { name: 'row', labels: upTo(rows.length) }
  if (!Array.isArray(first)) return { axes: [down, across], values: rows }
  const colours = first.length < 3 ? ['grey', 'alpha'] : ['red', 'green', 'blue', 'alpha']
  const values = first.map((_, colour) => rows.map((row) => row.map((pixel) => (pixel as Json[])[colour] ?? null)))
  return { axes: [{ name: 'colour', labels: colours.slice(0, first.length) }, down, across], values }
}

/** The lengths of nested lists, from the outside in. */
function depths(values: Json): number[] {
  return Array.isArray(values) ? [values.length, ...depths(values[0] ?? null)] : []
}

const upTo = (size: number): Json[] => Array.from({ length: size }, (_, place) => place)

/** The rows at a place on all axes but the last two; a single axis goes down. */
export function sliceOf({ axes, values }: Grid, at: number[]): (number | null)[][] {
  let part: Json = values
  for (let depth = 0; depth < axes.length - 2; depth++) part = Array.isArray(part) ? (part[at[depth] ?? 0] ?? []) : []
  return (Array.isArray(part) ? part : []).map((row) => (Array.isArray(row) ? row : [row]).map(numberOf))
}

/** The least and the greatest of some numbers. */
export function rangeOf(numbers: Iterable<number | null>): [low: number, high: number] {
  let low = Infinity
  let high = -Infinity
  for (const number of numbers) {
    if (number === null) continue
    low = Math.min(low, number)
    high = Math.max(high, number)
  }
  return low <= high ? [low, high] : [0, 0]
}

/**
 * The ground behind a number, as far from the panel's colour as the number in its range; text stays readable on it.
 * Where there are numbers on both sides of zero, those below have a colour of their own.
 */
export function heat(value: number | null, [low, high]: [number, number]): string | undefined {
  if (value === null || low === high) return undefined
  const signed = low < 0 && high > 0
  const share = signed ? Math.abs(value) / Math.max(-low, high) : (value - low) / (high - low)
  return `color-mix(in srgb, var(--${signed && value < 0 ? 'warn' : 'accent'}) ${Math.round(share * 42)}%, var(--panel))`
}

/** Rows by a column: numbers as numbers, names as people sort them, what is missing last. */
export function sorted(rows: Json[][], column: number, down: boolean): Json[][] {
  const sign = down ? -1 : 1
  return rows.toSorted((one, other) => {
    const [a = null, b = null] = [one[column], other[column]]
    if (a === null || b === null) return Number(a === null) - Number(b === null)
    const [x, y] = [numberOf(a), numberOf(b)]
    return sign * (x !== null && y !== null ? x - y : String(a).localeCompare(String(b), undefined, { numeric: true }))
  })
}
