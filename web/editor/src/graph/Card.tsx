import { memo } from 'react'
import type { NodeProps } from '@xyflow/react'
import { useLanguage } from '../text/text'
import { useEditor, useWorkflow } from '../state/document'
import type { NodeType } from '../server/types'
import { split } from '../state/plan'
import { typeOf } from '../workflow/kinds'
import { nodeAt } from '../workflow/scopes'
import type { Node } from '../workflow/types'
import { AxisFields } from './AxisFields'
import { Head } from './Head'
import { ParamRow } from './ParamRow'
import { axisSize, builtinOf, cardSize, HEAD, placeholderSize, rowsOf, type Row } from './sizes'
import { Socket } from './Socket'
import { t } from './texts'
import { useInputsLinked } from './wires'
import { Window } from './Window'

/** A node: its sockets, its params with their fields, and a window on its value. */
export const Card = memo(function Card({ id, selected }: NodeProps) {
  const node = useWorkflow((workflow) => nodeAt(workflow, id)) as Node | undefined
  const catalogue = useEditor((state) => state.catalogue)
  if (!node) return null
  const type = typeOf(catalogue, node)
  const classes = `graph-card${selected ? ' graph-selected' : ''}${node.bypass ? ' graph-bypassed' : ''}`
  return (
    <article className={classes} aria-label={id}>
      <Head path={id} node={node} {...(type ? { category: type.category } : {})} />
      {type ? <Body path={id} node={node} type={type} /> : builtinOf(catalogue, node.type) ? <Axis path={id} node={node} /> : <Placeholder path={id} node={node} />}
    </article>
  )
})

interface Part {
  path: string
  node: Node
}

function Body({ path, node, type }: Part & { type: NodeType }) {
  const catalogue = useEditor((state) => state.catalogue)
  const language = useLanguage((state) => state.language)
  const labels = type.labels[language]
  const { sockets } = cardSize(type, catalogue)
  const { linked } = useInputsLinked(path)
  const kindIn = (name: string) => type.ports[name]?.type ?? null
  return (
    <>
      {rowsOf(type, catalogue).map((row, i) =>
        row.kind === 'param' ? (
          <ParamRow key={row.input} path={path} name={row.input!} row={row as Row} type={type} label={labels.inputs[row.input!] ?? row.input!} value={node.params?.[row.input!]} from={node.in?.[row.input!]} />
        ) : row.kind === 'window' ? (
          <Window key="window" path={path} type={type} />
        ) : (
          <div key={i} className="graph-row graph-ports">
            <span className="cut" title={row.input && type.ports[row.input]?.help}>{row.input && (labels.inputs[row.input] ?? row.input)}</span>
            <span className="cut graph-out" title={row.output && type.outputs[row.output]}>
              {row.output && (labels.outputs[row.output] ?? row.output)}
            </span>
          </div>
        ),
      )}
      {sockets.map((socket) => {
        const name = split(socket.id)[1]
        const source = socket.type === 'source'
        return (
          <Socket
            key={socket.id} path={path} socket={socket} kind={source ? (type.outputs[name] ?? null) : kindIn(name)}
            name={(source ? labels.outputs[name] : labels.inputs[name]) ?? name} many={!source && Boolean(type.ports[name]?.gathers)}
            linked={source || linked.has(name) || Object.hasOwn(type.ports, name)}
          />
        )
      })}
    </>
  )
}

function Axis({ path, node }: Part) {
  return (
    <>
      <AxisFields path={path} node={node} />
      {axisSize().sockets.map((socket) => <Socket key={socket.id} path={path} socket={socket} kind={null} name={path} linked />)}
    </>
  )
}

function Placeholder({ path, node }: Part) {
  const say = t()
  const { outputs } = useInputsLinked(path)
  const { sockets } = placeholderSize(node, outputs)
  return (
    <>
      {sockets.map((socket) => {
        const name = split(socket.id)[1]
        return (
          <div key={socket.id}>
            <span className={`graph-loose graph-loose-${socket.side}`} style={{ top: socket.y }}>{name}</span>
            <Socket path={path} socket={socket} kind={null} name={name} linked />
          </div>
        )
      })}
      <p className="graph-unknown soft" style={{ marginTop: Math.max(0, ...sockets.map((socket) => socket.y)) - HEAD + 16 }}>{say('unknown')}</p>
    </>
  )
}
