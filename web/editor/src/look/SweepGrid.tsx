import { useMemo, useRef, useState, type CSSProperties, type KeyboardEvent } from 'react'
import type { Json } from '../workflow/types'
import { heat, onlyCell, rangeOf, tableOf } from './grid'
import { Icon } from './icons'
import './look.css'
import { coordinates, firstSheet, placeAt, placeName, turned, type SweepAxis, type SweepCell } from './sweep'
import { t } from './texts'
import { Thumb } from './Thumb'
import { jsonText, numberOf } from './written'

interface Props {
  axes: SweepAxis[]
  cells: SweepCell[]
  title: string
  job?: string
  onOpen: (cell: SweepCell) => void
}

const SIZES = { least: 40, first: 96, most: 320 }

/** Swept values side by side: one axis in rows that wrap, two as a table, more with a choice for each of the others. */
export function SweepGrid({ axes, cells, title, job, onOpen }: Props) {
  const say = t()
  const [turning, setSheet] = useState(() => firstSheet(axes))
  const [side, setSide] = useState(SIZES.first)
  const [focused, setFocused] = useState<[row: number, column: number]>([0, 0])
  const [told, setTold] = useState<Record<string, number>>({})
  const ref = useRef<HTMLDivElement>(null)

  // The axes of another workflow make another sheet.
  const sheet = turning.at.length === axes.length ? turning : firstSheet(axes)
  const byPlace = useMemo(() => new Map(cells.map((cell) => [placeName(cell.place), cell])), [cells])
  const range = useMemo(() => rangeOf(cells.map((cell) => numberOf(cell.value) ?? told[valueName(cell)] ?? null)), [told, cells])
  const rowAxis = sheet.rows === null ? undefined : axes[sheet.rows]
  const columnAxis = sheet.columns === null ? undefined : axes[sheet.columns]
  const [rows, columns] = [rowAxis?.values ?? [null], columnAxis?.values ?? [null]]
  const at = [Math.min(focused[0], rows.length - 1), Math.min(focused[1], columns.length - 1)] as const

  const press = (event: KeyboardEvent) => {
    const [row, column] = at
    const across = rowAxis ? 0 : inOneLine(ref.current)
    const to: [number, number] | undefined = {
      ArrowLeft: [row, column - 1] as [number, number], ArrowRight: [row, column + 1] as [number, number],
      ArrowUp: [row - 1, column - across] as [number, number], ArrowDown: [row + 1, column + across] as [number, number],
      Home: [row, 0] as [number, number], End: [row, columns.length - 1] as [number, number],
    }[event.key]
    if (!to) return
    event.preventDefault()
    event.stopPropagation()
    const next: [number, number] = [limited(to[0], rows.length), limited(to[1], columns.length)]
    setFocused(next)
    ref.current?.querySelector<HTMLElement>(`[data-at="${next.join()}"]`)?.focus()
  }

  const cellAt = (row: number, column: number) => {
    const place = placeAt(sheet, row, column)
    const cell = byPlace.get(placeName(place))
    const name = cell ? valueName(cell) : ''
    return (
      <CellButton
        key={placeName(place)} at={[row, column]} current={at[0] === row && at[1] === column} cell={cell} job={job} range={range} told={told[name]}
        about={axes.length ? coordinates(axes, place) : title}
        onTold={(number) => setTold((now) => (now[name] === number ? now : { ...now, [name]: number }))}
        onOpen={(cell) => (setFocused([row, column]), onOpen(cell))}
      />
    )
  }
  return (
    <section className="column look-sweep" aria-label={title}>
      <div className="row look-wrap">
        {axes.length > 2 && (['rows', 'columns'] as const).map((which) => (
          <label key={which} className="look-param">
            <span className="soft">{say(which === 'rows' ? 'rowAxis' : 'columnAxis')}</span>
            <select value={sheet[which] ?? 0} onChange={(event) => setSheet(turned(sheet, which, Number(event.target.value)))}>
              {axes.map(({ name }, axis) => <option key={name} value={axis}>{name}</option>)}
            </select>
          </label>
        ))}
        {axes.map(({ name, values }, axis) => axis !== sheet.rows && axis !== sheet.columns && (
          <label key={name} className="look-param">
            <span className="soft">{name}</span>
            <select value={sheet.at[axis] ?? 0} onChange={(event) => setSheet({ ...sheet, at: sheet.at.with(axis, Number(event.target.value)) })}>
              {values.map((value, place) => <option key={place} value={place}>{jsonText(value)}</option>)}
            </select>
          </label>
        ))}
        {rowAxis && (
          <button type="button" onClick={() => setSheet({ ...sheet, rows: sheet.columns, columns: sheet.rows })}>
            <Icon of="swap" />{say('swapAxes')}
          </button>
        )}
        <label className="look-param">
          <span className="soft">{say('cellSize')}</span>
          <input
            type="range" className="look-slide" min={SIZES.least} max={SIZES.most} value={side}
            onChange={(event) => setSide(Number(event.target.value))}
          />
        </label>
      </div>
      <div ref={ref} className="look-cells" style={{ '--look-side': `${side}px` } as CSSProperties} onKeyDown={press}>
        {rowAxis ? (
          <table role="grid" className="look-sheet" aria-label={title}>
            <thead>
              <tr>
                <th scope="col" className="soft">{rowAxis.name} \ {columnAxis?.name}</th>
                {columns.map((value, column) => <th key={column} scope="col">{jsonText(value)}</th>)}
              </tr>
            </thead>
            <tbody>
              {rows.map((value, row) => (
                <tr key={row}>
                  <th scope="row">{jsonText(value)}</th>
                  {columns.map((_, column) => <td key={column} role="gridcell">{cellAt(row, column)}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        ) : (
          <div role="grid" aria-label={title}>
            <div role="row" className="look-flow">
              {columns.map((value, column) => (
                <div key={column} role="gridcell" className="look-captioned">
                  {cellAt(0, column)}
                  {columnAxis && <span className="cut soft" aria-hidden="true">{columnAxis.name} {jsonText(value)}</span>}
                </div>
              ))}
            </div>
          </div>
        )}
      </div>
    </section>
  )
}

/** By what a cell's number is remembered. */
const valueName = ({ key = '', output = '' }: SweepCell) => `${key} ${output}`

const limited = (to: number, count: number) => Math.min(count - 1, Math.max(0, to))

/** How many cells stand beside each other before the row wraps. */
function inOneLine(element: HTMLElement | null): number {
  const cells = [...(element?.querySelectorAll<HTMLElement>('[data-at]') ?? [])]
  return Math.max(1, cells.filter((cell) => cell.offsetTop === cells[0]?.offsetTop).length)
}

interface CellProps {
  at: [row: number, column: number]
  current: boolean
  cell: SweepCell | undefined
  about: string
  job: string | undefined
  range: [number, number]
  /** The number that the value turned out to be. */
  told: number | undefined
  onTold: (number: number) => void
  onOpen: (cell: SweepCell) => void
}

function CellButton({ at, current, cell, about, job, range, told, onTold, onOpen }: CellProps) {
  const say = t()
  const tell = useRef(onTold)
  tell.current = onTold
  const [onJson] = useState(() => (json: Json) => {
    const table = tableOf(json)
    const number = table && numberOf(onlyCell(table))
    if (number !== null) tell.current(number)
  })
  const number = told ?? numberOf(cell?.value)
  return (
    <button
      type="button" className="look-cell" data-at={at.join()} tabIndex={current ? 0 : -1} aria-disabled={!cell}
      style={{ background: heat(number, range) }} onClick={() => cell && onOpen(cell)}
    >
      <span className="hidden">{about}</span>
      {cell?.key !== undefined ? (
        <Thumb value={{ key: cell.key, output: cell.output ?? '', ...(job === undefined ? {} : { job }) }} label="" onJson={onJson} />
      ) : (
        <span className="look-thumb look-said">{cell?.value === undefined ? say('missing') : jsonText(cell.value)}</span>
      )}
    </button>
  )
}
