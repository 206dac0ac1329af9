import type { Json } from '../workflow/types'
import { jsonText } from './written'

/** What a workflow was swept over. */
export interface SweepAxis {
  name: string
  values: Json[]
}

/** A value by key and output, or a constant, at its place on the axes. */
export interface SweepCell {
  place: number[]
  key?: string
  output?: string
  value?: Json
}

export const placeName = (place: number[]) => place.join()

/** Where everything is on a page: which axes are rows and columns, and where the others stand. */
export interface Sheet {
  rows: number | null
  columns: number | null
  at: number[]
}

/** The last two axes as rows and columns: the last one changes fastest. */
export function firstSheet(axes: SweepAxis[]): Sheet {
  const [rows, columns] = [axes.length - 2, axes.length - 1]
  return { rows: rows < 0 ? null : rows, columns: columns < 0 ? null : columns, at: axes.map(() => 0) }
}

/** Another axis as rows or columns; if it is the other of them, they change places. */
export function turned(sheet: Sheet, which: 'rows' | 'columns', axis: number): Sheet {
  const other = which === 'rows' ? 'columns' : 'rows'
  return { ...sheet, [which]: axis, ...(sheet[other] === axis ? { [other]: sheet[which] } : {}) }
}

/** The place of what stands in a row and a column of a sheet. */
export function placeAt({ rows, columns, at }: Sheet, row: number, column: number): number[] {
  return at.map((fixed, axis) => (axis === rows ? row : axis === columns ? column : fixed))
}

/** strength=0.75, seed=3 */
export function coordinates(axes: SweepAxis[], place: number[]): string {
  return axes.map(({ name, values }, axis) => `${name}=${jsonText(values[place[axis] ?? 0] ?? null)}`).join(', ')
}
