import { useMemo, useState } from 'react'
import { sorted, type Table } from './grid'
import { t } from './texts'
import { jsonText, numberOf } from './written'

const FIRST = 300

/** A table with heads that stay; a click on one sorts by it, upwards, downwards, then not at all. */
export function DataTable({ table: { columns, rows }, title }: { table: Table; title: string }) {
  const say = t()
  const [by, setBy] = useState<{ column: number; down: boolean } | null>(null)
  const [all, setAll] = useState(false)
  const ordered = useMemo(() => (by ? sorted(rows, by.column, by.down) : rows), [rows, by])
  const numeric = useMemo(
    () => columns.map((_, column) => rows.every((row) => (row[column] ?? null) === null || numberOf(row[column]) !== null)),
    [columns, rows],
  )
  const turn = (column: number) => setBy(by?.column !== column ? { column, down: false } : by.down ? null : { column, down: true })
  const state = (column: number) => (by?.column !== column ? 'none' : by.down ? 'descending' : 'ascending')

  return (
    <div className="look-scroll" tabIndex={0} role="group" aria-label={say('table', { title })}>
      <table className="look-table">
        <thead>
          <tr>
            {columns.map((name, column) => (
              <th key={column} scope="col" aria-sort={state(column)} className={numeric[column] ? 'look-right' : ''}>
                <button type="button" className="plain" onClick={() => turn(column)}>
                  {name}
                  <span aria-hidden="true" className="look-order">{{ none: '', ascending: '▲', descending: '▼' }[state(column)]}</span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {(all ? ordered : ordered.slice(0, FIRST)).map((row, place) => (
            <tr key={place}>
              {row.map((cell, column) => <td key={column} className={numeric[column] ? 'look-right' : ''}>{jsonText(cell)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      {!all && rows.length > FIRST && (
        <button type="button" className="look-more" onClick={() => setAll(true)}>{say('showAll', { rows: rows.length })}</button>
      )}
    </div>
  )
}
