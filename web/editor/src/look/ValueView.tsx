import { useEffect, useState, type ReactNode } from 'react'
import { write } from '../workflow/json'
import type { OutputAbout, ValueAbout, View } from '../server/types'
import type { Json } from '../workflow/types'
import { addressOf, type Source } from './address'
import { isWord } from './controls'
import { DataTable } from './DataTable'
import { Facts } from './Facts'
import { gridOf, onlyCell, tableOf } from './grid'
import { Icon } from './icons'
import { aboutName, abouts, jsons, useLoaded, type ValueSource } from './loaded'
import './look.css'
import { NumberGrid } from './NumberGrid'
import { ParamControl } from './ParamControl'
import { PictureLayer, Problem, usePicture } from './PictureLayer'
import { isMap, Spotlight } from './Spotlight'
import { t } from './texts'
import { Thumb } from './Thumb'
import { useChosen, useViewParams } from './viewParams'
import { jsonText } from './written'
import { ZoomFrame } from './ZoomFrame'

interface Props {
  value: ValueSource
  title: string
  /** `full` fills the height that its parent has. */
  size?: 'small' | 'full'
  /** Nothing but the picture of the first view, as on a card. */
  compact?: boolean
  /** The pieces of the prompt by position: a token is then chosen by clicking it. */
  words?: string[]
  /** What a map of numbers may be laid over, such as attention over the picture it made. */
  over?: Source
}

/** What is on a wire: a value by any of its views, the numbers behind them, and what else is known of it. */
export function ValueView({ compact = false, ...props }: Props) {
  return compact ? <Thumb value={props.value} label={props.title} /> : <FullView {...props} />
}

function FullView({ value, title, size = 'small', words = [], over }: Omit<Props, 'compact'>) {
  const say = t()
  const [again, setAgain] = useState(0)
  const { value: about, problem, busy } = useLoaded(abouts, aboutName(value), again)
  const output = about?.outputs[value.output]
  return (
    <section className={`column look-value look-${size}`} aria-label={title} aria-busy={busy}>
      <header className="row">
        <h3 className="grow cut">{title}</h3>
        {output && <span className="badge">{output.type}</span>}
      </header>
      {problem || (about && !output && !busy) ? (
        <Problem problem={problem ?? say('missing')} onAgain={() => setAgain(again + 1)} />
      ) : about && output ? (
        // Picture and controls are of the value that is known: the one before, until the next has come.
        <Views value={{ ...value, key: about.key }} about={about} output={output} title={title} size={size} words={words} over={over} />
      ) : (
        <p className="soft look-problem">{say('loading')}</p>
      )}
    </section>
  )
}

interface ViewsProps {
  value: ValueSource
  about: ValueAbout
  output: OutputAbout
  title: string
  size: 'small' | 'full'
  words: string[]
  over: Source | undefined
}

function Views({ value, about, output, title, size, words, over }: ViewsProps) {
  const say = t()
  const { view, params, setView, setParam } = useChosen(output.type, output.views)
  const { linked, link } = useViewParams()
  const [wanted, setWanted] = useState<'picture' | 'numbers' | 'over'>('picture')
  const settled = useSettled(params, `${output.type}.${view?.name}`)
  if (!view) return <Facts about={about} output={output} view={NO_VIEW} />

  const schemas = Object.entries(view.params)
  const mayBeOver = over !== undefined && view.shows === 'picture' && schemas.some(([name]) => isWord(name))
  const shows = wanted === 'over' && !mayBeOver ? 'picture' : wanted
  const height = size === 'full' ? 'fill' : 'content'
  const toggle = (what: 'numbers' | 'over') => setWanted(shows === what ? 'picture' : what)
  const tools = (
    <>
      {view.shows === 'picture' && (
        <button type="button" aria-pressed={shows === 'numbers'} onClick={() => toggle('numbers')}><Icon of="numbers" />{say('numbers')}</button>
      )}
      {mayBeOver && (
        <button type="button" aria-pressed={shows === 'over'} onClick={() => toggle('over')}><Icon of="layers" />{say('onPicture')}</button>
      )}
      {(output.views.length > 1 || schemas.length > 0) && (
        <button type="button" aria-pressed={linked} title={say('linked')} onClick={() => link(!linked)}><Icon of="link" />{say('link')}</button>
      )}
    </>
  )
  return (
    <>
      {output.views.length > 1 && (
        <div className="look-segments" role="group" aria-label={say('views')}>
          {output.views.map(({ name }) => (
            <button key={name} type="button" aria-pressed={name === view.name} onClick={() => setView(name)}>{name}</button>
          ))}
        </div>
      )}
      {schemas.length > 0 && (
        <div className="look-params" role="group" aria-label={say('params')}>
          {schemas.map(([name, schema]) => (
            <ParamControl
              key={`${view.name}.${name}`} name={name} schema={schema} value={params[name] ?? schema.default ?? null} words={words}
              offers={namesIn(output.summary[`${name}s`])} onValue={(chosen) => setParam(name, chosen)}
            />
          ))}
        </div>
      )}
      {view.shows === 'table' || shows !== 'picture' ? (
        <Data
          address={addressOf(value, view, settled, 'json')} title={title} height={height} asNumbers={view.shows !== 'table'}
          over={shows === 'over' ? over : undefined} tools={tools}
        />
      ) : (
        <Picture address={addressOf(value, view, settled)} title={title} height={height} tools={tools} />
      )}
      <Facts about={about} output={output} view={view} />
    </>
  )
}

const NO_VIEW: View = { name: '', type: '', shows: 'table', help: '', params: {} }

interface ShownProps {
  address: string
  title: string
  height: 'content' | 'fill'
  tools: ReactNode
}

function Picture({ address, title, height, tools }: ShownProps) {
  const { size, problem, events } = usePicture(address)
  return (
    <>
      {problem !== undefined && <Problem problem={problem} />}
      <ZoomFrame size={size} title={title} height={height} actions={tools}>
        {(place) => (
          <PictureLayer address={address} title={title} place={problem === undefined ? place : { ...place, opacity: 0.25 }} events={events} />
        )}
      </ZoomFrame>
    </>
  )
}

interface DataProps extends ShownProps {
  asNumbers: boolean
  over: Source | undefined
}

/** A view's JSON: a text, a table, or numbers in a grid, also over a picture. */
function Data({ address, title, height, tools, asNumbers, over }: DataProps) {
  const say = t()
  const { value: json, problem } = useLoaded(jsons, address)
  const grid = json === undefined ? null : gridOf(json)
  if (over && isMap(grid)) return <Spotlight grid={grid} over={over} title={title} height={height} actions={tools} />
  return (
    <>
      {problem !== undefined && <Problem problem={problem} />}
      {problem === undefined && json === undefined && <p className="soft look-problem">{say('loading')}</p>}
      {problem === undefined && json !== undefined && <Said json={json} title={title} asNumbers={asNumbers} />}
      <div className="row look-tools"><span className="look-actions">{tools}</span></div>
    </>
  )
}

function Said({ json, title, asNumbers }: { json: Json; title: string; asNumbers: boolean }) {
  const say = t()
  const table = tableOf(json)
  const only = table && onlyCell(table)
  if (only !== undefined && only !== null) return <p className="look-only">{jsonText(only)}</p>
  if (table) return <DataTable key={table.columns.join()} table={table} title={title} />
  const grid = asNumbers ? gridOf(json) : null
  if (grid) return <NumberGrid key={grid.axes.map(({ name }) => name).join()} grid={grid} title={title} />
  return <p className="soft look-problem">{say('noNumbers')}</p>
}

const SOON = 90

/** What a slider came to: its way there is not asked for. Another `place` counts at once. */
function useSettled(params: Record<string, Json>, place: string): Record<string, Json> {
  const [settled, setSettled] = useState({ params, place })
  const written = write(params)
  useEffect(() => {
    const timer = setTimeout(() => setSettled({ params, place }), SOON)
    return () => clearTimeout(timer)
  }, [written, place])
  return settled.place === place ? settled.params : params
}

/** The names that a summary lists: of an object its keys, of a list its texts. */
function namesIn(listed: Json | undefined): string[] {
  if (Array.isArray(listed)) return listed.filter((one) => typeof one === 'string')
  return listed !== null && typeof listed === 'object' ? Object.keys(listed) : []
}
