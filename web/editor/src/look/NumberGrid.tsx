import { useMemo, useState } from 'react'
import { heat, rangeOf, sliceOf, type Grid } from './grid'
import { t } from './texts'
import { jsonText, short } from './written'

const SIDE = 128

/** The numbers behind a view, each on a ground that is as strong as it is large. Of three axes and more, a slice. */
export function NumberGrid({ grid, title }: { grid: Grid; title: string }) {
  const say = t()
  const [at, setAt] = useState<number[]>([])
  const outer = grid.axes.slice(0, -2)
  const [down, across] = [grid.axes.at(-2) ?? grid.axes[0], grid.axes.length > 1 ? grid.axes.at(-1) : undefined]
  const rows = useMemo(() => sliceOf(grid, at), [grid, at])
  const range = useMemo(() => rangeOf(rows.flat()), [rows])
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const set = (depth: number, place: number) => setAt(outer.map((_, other) => (other === depth ? place : (at[other] ?? 0))))

  return (
    <div className="column look-numbers">
      <div className="row look-wrap">
        {outer.map(({ name, labels }, depth) => (
          <label key={name} className="look-param">
            <span className="soft">{name}</span>
            <select value={at[depth] ?? 0} onChange={(event) => set(depth, Number(event.target.value))}>
              {labels.map((label, place) => <option key={place} value={place}>{jsonText(label)}</option>)}
            </select>
          </label>
        ))}
        <span className="soft">{say('between', { low: short(range[0]), high: short(range[1]) })}</span>
      </div>
      {(rows.length > SIDE || columns > SIDE) && <p className="soft">{say('cutOff', { rows: rows.length, columns, side: SIDE })}</p>}
      <div className="look-scroll" tabIndex={0} role="group" aria-label={say('table', { title })}>
        <table className="look-table look-heat mono">
          <thead>
            <tr>
              <th scope="col" className="soft">{across ? `${down?.name} \\ ${across.name}` : down?.name}</th>
              {Array.from({ length: Math.min(columns, SIDE) }, (_, column) => (
                <th key={column} scope="col">{across ? jsonText(across.labels[column] ?? column) : ''}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SIDE).map((row, place) => (
              <tr key={place}>
                <th scope="row">{jsonText(down?.labels[place] ?? place)}</th>
                {row.slice(0, SIDE).map((number, column) => (
                  <td key={column} style={{ background: heat(number, range) }}>{number === null ? '–' : brief(number)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  )
}

/** Three digits: a cell is narrow. */
const brief = (number: number) => (Number.isInteger(number) ? String(number) : String(Number(number.toPrecision(3))))
