import { useMemo, useState } from 'react'
import { useShallow } from 'zustand/react/shallow'
import { Compare, FilmStrip, SweepGrid, ValueView, type SweepCell } from '../look'
import { QueuePanel, useQueue } from '../queue'
import { viewAddress } from '../server/api'
import type { JobInFull } from '../server/types'
import { graph, useEditor, useWorkflow, workflow } from '../state/document'
import { pin, same, unpin, useLooking, type Looked } from '../state/looking'
import { callAt, iterationsOf, loopsAround, split, valueAt, type Found, type PlanIndex } from '../state/plan'
import { choose, inspect, useRun } from '../state/run'
import { useNearestPicture, useWords } from '../state/words'
import { write } from '../workflow/json'
import { loopAt } from '../workflow/scopes'
import type { Shown } from './PictureDialog'
import { t } from './texts'

interface Props {
  onJob: (job: JobInFull) => void
  onPicture: (picture: Shown) => void
}

/** The panel at the right: what is looked at, and the queue. */
export function Dock({ onJob, onPicture }: Props) {
  const say = t()
  const { now, pinned, tab } = useLooking()
  const job = useRun((state) => state.job?.id ?? null)
  const counts = useQueue(useShallow(({ running, queued }) => ({ running, queued })))
  if (tab === null) return null
  const shown = now && !pinned.some((one) => same(one, now)) ? [...pinned, now] : pinned
  return (
    <aside className={`app-dock${tab === 'look' && shown.length > 1 ? ' app-wide' : ''}`} aria-label={say(tab)}>
      <header className="row app-dock-head">
        <div role="tablist" className="row grow">
          {(['look', 'queue'] as const).map((name) => (
            <button key={name} role="tab" aria-selected={tab === name} className="plain app-tab" onClick={() => useLooking.setState({ tab: name })}>
              {say(name)}
              {name === 'queue' && counts.running + counts.queued > 0 && <span className="badge">{counts.running + counts.queued}</span>}
            </button>
          ))}
        </div>
        <button className="plain icon" aria-label={say('closeDock')} onClick={() => useLooking.setState({ tab: null })}>×</button>
      </header>
      <div className="app-dock-body" role="tabpanel" aria-label={say(tab)}>
        {tab === 'queue' ? (
          <QueuePanel current={job} onOpen={onJob} onPicture={onPicture} />
        ) : shown.length === 0 ? (
          <p className="soft app-hint">{say('nothingLooked')}</p>
        ) : (
          <>
            {shown.map((looked) => <Look key={`${looked.path}|${looked.socket}`} looked={looked} onPicture={onPicture} pinned={pinned.some((one) => same(one, looked))} />)}
            {shown.length === 2 && <CompareTwo first={shown[0]!} second={shown[1]!} />}
            {shown.length === 1 && pinned.length === 1 && <p className="soft app-hint">{say('pinnedHelp')}</p>}
          </>
        )}
      </div>
    </aside>
  )
}

function useFound({ path, socket }: Looked): Found | undefined {
  const present = useWorkflow((workflow) => workflow)
  const { plan, inspect, at } = useRun(useShallow(({ plan, inspect, at }) => ({ plan, inspect, at })))
  return useMemo(() => valueAt(plan, present, graph(), path, socket, { inspect, at }), [present, plan, inspect, at, path, socket])
}

const titleOf = ({ path, socket }: Looked) => {
  const name = split(socket)[1]
  return path === '#inputs' ? name : name === 'value' ? path : `${path} · ${name}`
}

function Look({ looked, pinned, onPicture }: { looked: Looked; pinned: boolean; onPicture: Props['onPicture'] }) {
  const say = t()
  const found = useFound(looked)
  const plan = useRun((state) => state.plan)
  const made = useRun((state) => found && 'key' in found && (found.kept || state.made.has(found.key)))
  const job = useRun((state) => state.job?.id)
  const steps = useSteps(looked, plan)
  const swept = useSwept(looked, plan)
  const [many, setMany] = useState<'one' | 'strip' | 'grid'>('one')
  const words = useWords(looked.path, looked.socket)
  const over = useNearestPicture(looked.path, looked.socket)
  const title = titleOf(looked)
  const address = usePictureAddress(looked, made && found && 'key' in found ? found : undefined)
  const shape = swept && many === 'grid' ? 'grid' : steps && many !== 'one' ? 'strip' : 'one'
  return (
    <section className="app-look panel">
      <div className="row app-look-tools">
        {steps && <Choice on={shape === 'strip'} label={say('strip')} onClick={() => setMany(shape === 'strip' ? 'one' : 'strip')} />}
        {swept && <Choice on={shape === 'grid'} label={say('grid')} onClick={() => setMany(shape === 'grid' ? 'one' : 'grid')} />}
        {address && <button onClick={() => onPicture({ name: title, url: address })}>{say('usePicture')}</button>}
        {address && <button onClick={() => onPicture({ name: title, url: address, paint: true })}>{say('paintMask')}</button>}
        <span className="grow" />
        <button className="plain" aria-pressed={pinned} onClick={() => (pinned ? unpin(looked) : pin(looked))}>{say(pinned ? 'unpin' : 'pin')}</button>
      </div>
      {shape === 'grid' && swept ? (
        <SweepGrid
          axes={swept.axes} cells={swept.cells} title={title} {...(job ? { job } : {})}
          onOpen={(cell: SweepCell) => {
            swept.axes.forEach(({ name }, i) => choose(name, cell.place[i] ?? 0))
            setMany('one')
          }}
        />
      ) : shape === 'strip' && steps ? (
        <FilmStrip values={steps.values} index={steps.index} onIndex={(index) => inspect(steps.loop, steps.iterations[index]!)} title={title} words={words} {...(over ? { over } : {})} {...(job ? { job } : {})} />
      ) : found === undefined ? (
        <p className="soft app-hint"><b>{title}</b><br />{say('notYet')}</p>
      ) : 'value' in found ? (
        <div className="app-hint">
          <h3>{title}</h3>
          <p className="soft">{say('constant')}</p>
          <pre className="app-constant">{typeof found.value === 'string' ? found.value : write(found.value)}</pre>
        </div>
      ) : made ? (
        <ValueView key={found.key + found.output} value={{ key: found.key, output: found.output, ...(job ? { job } : {}) }} title={found.label || title} words={words} {...(over && over.key !== found.key ? { over } : {})} />
      ) : (
        <p className="soft app-hint"><b>{title}</b><br />{say('notYet')}</p>
      )}
    </section>
  )
}

function Choice({ on, label, onClick }: { on: boolean; label: string; onClick: () => void }) {
  return <button aria-pressed={on} onClick={onClick}>{label}</button>
}

/** The address of a value that is itself a picture. */
function usePictureAddress({ path, socket }: Looked, found: { key: string; output: string } | undefined): string {
  const kind = graph().kinds.get(`${path}|${socket}`)
  const own = useEditor((state) => state.catalogue.types[kind ?? '']?.views.find(({ name }) => name === PICTURE))
  const whole = own?.params.side?.minimum === 0
  return whole && found ? viewAddress(found.key, found.output, PICTURE, { side: 0 }) : ''
}

const PICTURE = 'picture'

/** The values of a node in a loop at every iteration, or those that a loop gives all at once. */
function useSteps({ path, socket }: Looked, plan: PlanIndex | null) {
  const where = useRun(useShallow(({ inspect, at }) => ({ inspect, at })))
  return useMemo(() => {
    if (!plan) return null
    const own = loopAt(workflow(), path)
    const loop = own ? path : loopsAround(path).at(-1)
    if (loop === undefined) return null
    const iterations = iterationsOf(plan, loop, where)
    const values = iterations.map((i) => {
      const further = { ...where, inspect: { ...where.inspect, [loop]: i } }
      if (own) return valueAt(plan, workflow(), graph(), path, `item:${split(socket)[1].replace(/\.all$/, '')}`, { ...further, inspect: { ...further.inspect, [loop]: i } })
      const call = callAt(plan, path, further)
      const output = split(socket)[1]
      return call && { key: call.key, output: Object.hasOwn(call.outputs, output) ? output : '', label: call.label, kept: call.kept }
    })
    if (own && !socket.startsWith('item:')) {
      values.shift()
      const last = valueAt(plan, workflow(), graph(), path, `out:${split(socket)[1].replace(/\.all$/, '')}`, where)
      values.push(last)
    }
    const keyed = values.flatMap((value) => (value && 'key' in value ? [value] : []))
    if (keyed.length < 2 || keyed.length !== iterations.length) return null
    const chosen = where.inspect[loop]
    return {
      loop, iterations, index: chosen === undefined ? iterations.length - 1 : Math.max(0, iterations.indexOf(chosen)),
      values: keyed.map((value, i) => ({ key: value.key, output: value.output, label: String(iterations[i]) })),
    }
  }, [plan, path, socket, where])
}

/** All cells of a swept value. */
function useSwept({ path, socket }: Looked, plan: PlanIndex | null) {
  return useMemo(() => {
    const name = split(socket)[1]
    const cells = plan?.wires[name === 'value' || path === '#inputs' ? path : `${path}.${name}`]
    if (!plan || !cells || cells.length < 2) return null
    const axes = Object.keys(cells[0]!.at).map((name) => ({ name, values: plan.axes[name] ?? [] }))
    return { axes, cells: cells.map(({ place, key, output, value }) => ({ place, ...(key === undefined ? { value: value ?? null } : { key, output: output ?? '' }) })) }
  }, [plan, path, socket])
}

function CompareTwo({ first, second }: { first: Looked; second: Looked }) {
  const say = t()
  const [a, b] = [useFound(first), useFound(second)]
  const [on, setOn] = useState(false)
  if (!a || !b || !('key' in a) || !('key' in b)) return null
  return (
    <section className="app-look panel">
      <Choice on={on} label={say('compare')} onClick={() => setOn(!on)} />
      {on && <Compare left={{ key: a.key, output: a.output }} right={{ key: b.key, output: b.output }} />}
    </section>
  )
}
