import { NodeResizeControl, type NodeProps } from '@xyflow/react'
import { memo } from 'react'
import { edit, graph, useEditor, useWorkflow } from '../state/document'
import { iterationsOf, split } from '../state/plan'
import { inspect, useRun } from '../state/run'
import { LOOP } from '../workflow/arrange'
import { setPlaces } from '../workflow/drawing'
import { renameCarried, setRange, setVariable } from '../workflow/edit'
import { isNum, numberText, readNumber } from '../workflow/json'
import { carriedNames, loopAt, rangeOf, variableOf } from '../workflow/scopes'
import type { Num, Path, Place, Reference } from '../workflow/types'
import { Head } from './Head'
import { CARRY, loopSockets } from './sizes'
import { Socket } from './Socket'
import { TextField } from './TextField'
import { t } from './texts'

/** A loop as a frame around its body: what is carried comes in at the left edge and is handed on at the right. */
export const LoopCard = memo(function LoopCard({ id, selected, width = 0, height = 0 }: NodeProps) {
  const say = t()
  const loop = useWorkflow((workflow) => loopAt(workflow, id))
  const kinds = useEditor(() => graph().kinds)
  if (!loop) return null
  const variable = variableOf(loop)
  const names = carriedNames(loop)
  const [from, to] = rangeOf(loop)
  const row = (n: number) => LOOP.top + CARRY * n
  return (
    <section className={`graph-loop${selected ? ' graph-selected' : ''}${loop.bypass ? ' graph-bypassed' : ''}`} aria-label={id} style={{ width, height }}>
      <Head path={id} node={loop}>
        <Inspect loop={id} />
      </Head>
      <div className="graph-edge graph-edge-left" style={{ width: LOOP.side }}>
        <div className="graph-carry" style={{ top: row(0) }}>
          <Bound label={say('from')} value={from} onChange={(value) => edit((workflow) => setRange(workflow, id, 'from', value))} />
          <TextField label={say('variable')} className="graph-variable mono" value={variable} onChange={(text) => edit((workflow) => setVariable(workflow, id, text))} />
        </div>
        <div className="graph-carry" style={{ top: row(1) }}>
          <Bound label={say('to')} value={to} onChange={(value) => edit((workflow) => setRange(workflow, id, 'to', value))} />
        </div>
        {names.map((name, i) => (
          <div key={name} className="graph-carry" style={{ top: row(i + 2) }}>
            <TextField label={say('carried')} className="mono" value={name} onChange={(text) => edit((workflow) => renameCarried(workflow, id, name, text))} />
          </div>
        ))}
      </div>
      <div className="graph-edge graph-edge-right" style={{ width: LOOP.side }}>
        {names.map((name, i) => (
          <div key={name}>
            <span className="graph-carry mono" style={{ top: row(2 * i) }}>{name}</span>
            <span className="graph-carry graph-all mono soft" style={{ top: row(2 * i + 1) }}>{name}.{say('all')}</span>
          </div>
        ))}
        <span className="graph-carry soft" style={{ top: row(2 * names.length) }}>+ {say('carry')}</span>
      </div>
      {loopSockets(loop, width).map((socket) => (
        <Socket
          key={socket.id} path={id} socket={socket} kind={kinds.get(`${id}|${socket.id}`) ?? kinds.get(`${id}|out:${socket.id.split('.')[1]}`) ?? (socket.id.endsWith('from') || socket.id.endsWith('to') ? 'int' : null)}
          name={split(socket.id)[1]} many={socket.id.endsWith('.all')} linked
        />
      ))}
      <NodeResizeControl
        className="graph-resize" minWidth={2 * LOOP.side + 120} minHeight={LOOP.top + CARRY * 3}
        onResizeEnd={(_, { x, y, width, height }) => edit((workflow) => setPlaces(workflow, { [id]: [x, y, width, height].map(Math.round) as Place }))}
      />
    </section>
  )
})

/** Which step the nodes inside show. */
function Inspect({ loop }: { loop: Path }) {
  const say = t()
  const text = useRun((state) => iterationsOf(state.plan, loop, state).join())
  const chosen = useRun((state) => state.inspect[loop])
  const iterations = text ? text.split(',').map(Number) : []
  if (iterations.length < 2) return iterations.length ? <span className="badge">×{iterations.length}</span> : null
  const index = chosen === undefined ? iterations.length - 1 : Math.max(0, iterations.indexOf(chosen))
  return (
    <label className="graph-inspect nodrag nopan">
      <span className="badge">×{iterations.length}</span>
      <input
        type="range" min={0} max={iterations.length - 1} value={index} aria-label={say('iteration')}
        aria-valuetext={String(iterations[index])} onChange={(event) => inspect(loop, iterations[Number(event.target.value)]!)} onKeyDown={(event) => event.stopPropagation()}
      />
      <output className="mono">{iterations[index]}</output>
    </label>
  )
}

/** An end of a loop's range: a number, or the name that it is linked to. */
function Bound({ label, value, onChange }: { label: string; value: Num | Reference; onChange: (value: Num) => void }) {
  return (
    <>
      <span className="soft">{label}</span>
      {isNum(value) ? (
        <TextField label={label} className="mono graph-bound" value={numberText(value)} onChange={(text) => { if (/^-?\d+$/.test(text.normalize('NFKC').trim())) onChange(readNumber(text.normalize('NFKC').trim())) }} />
      ) : (
        <span className="mono cut">{value}</span>
      )}
    </>
  )
}
