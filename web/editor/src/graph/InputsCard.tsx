import { memo, useCallback } from 'react'
import type { NodeProps } from '@xyflow/react'
import { Field } from '../fields/Field'
import type { Json } from '../workflow/types'
import { edit, useEditor, useWorkflow } from '../state/document'
import { fileHelp } from '../state/uploads'
import { useRun } from '../state/run'
import { setSweep } from '../workflow/drawing'
import { addInput, renameInput, setInput } from '../workflow/inputs'
import { faultsAt } from './faults'
import { openMenu, useMenus } from './menu'
import { RenameField } from './RenameField'
import { inputsSize, isLongInput, LONG, ROW, schemaOfInput } from './sizes'
import { Socket } from './Socket'
import { TextField } from './TextField'
import { tinted } from './colours'
import { t } from './texts'

const KIND = { string: 'str', int: 'int', float: 'float', bool: 'bool' } as const

/** The workflow's inputs: what one changes to get another picture. */
export const InputsCard = memo(function InputsCard({ selected }: NodeProps) {
  const say = t()
  const workflow = useWorkflow((workflow) => workflow)
  const catalogue = useEditor((state) => state.catalogue)
  const { sockets } = inputsSize(workflow, catalogue)
  return (
    <article className={`graph-card graph-inputs${selected ? ' graph-selected' : ''}`} aria-label={say('inputs')}>
      <header className="graph-head" style={tinted(catalogue, null)} title={say('inputsHelp')}>
        <span className="graph-title">{say('inputs')}</span>
      </header>
      {Object.keys(workflow.inputs ?? {}).map((name) => <InputRow key={name} name={name} />)}
      <button className="plain graph-add nodrag" onClick={() => edit((workflow) => addInput(workflow))}>+ {say('addInput')}</button>
      {sockets.map((socket) => {
        const name = socket.id.slice('out:'.length)
        return <Socket key={socket.id} path="#inputs" socket={socket} kind={KIND[workflow.inputs![name]!.type]} name={name} linked />
      })}
    </article>
  )
})

const InputRow = memo(function InputRow({ name }: { name: string }) {
  const say = t()
  const input = useWorkflow((workflow) => workflow.inputs?.[name])
  const sweep = useWorkflow((workflow) => workflow.layout?.['#sweeps']?.[name])
  const workflow = useWorkflow((workflow) => workflow)
  const catalogue = useEditor((state) => state.catalogue)
  const fault = useRun((state) => faultsAt(state.faults, '#inputs').find((fault) => fault.where === `inputs.${name}`))
  const change = useCallback(
    (value: Json | undefined, merge: string) => edit((workflow) => setInput(workflow, name, { default: value ?? null }), `#inputs.${name}.${merge}`),
    [name],
  )
  const renaming = useMenus((state) => state.renaming === name)
  if (!input) return null
  if (renaming) return <Renaming name={name} />
  const long = isLongInput(workflow, catalogue, name) && sweep === undefined
  const schema = { ...schemaOfInput(workflow, catalogue, name), ...(input.description ? { description: input.description } : {}) }
  return (
    <div
      className={`graph-row graph-param${long ? ' graph-long' : ''}${fault ? ' graph-faulty' : ''}`} title={fault?.message}
      style={{ height: isLongInput(workflow, catalogue, name) ? LONG : ROW }}
    >
      {sweep === undefined ? (
        <Field schema={schema} value={input.default ?? undefined} onChange={change} label={name} id={`#inputs.${name}`} long={long} {...(schema.file ? fileHelp : {})} />
      ) : (
        <>
          <span className="cut">{name}</span>
          <TextField
            label={`${name}: ${say('sweep')}`} className="graph-sweep" value={sweep} placeholder={say('sweepHelp')}
            onChange={(text) => edit((workflow) => setSweep(workflow, name, text.trim() || null))}
          />
        </>
      )}
      <button
        className="plain icon graph-more nodrag" aria-label={say('inputMenu', { name })} aria-haspopup="menu"
        onClick={(event) => {
          const { left, bottom } = event.currentTarget.getBoundingClientRect()
          openMenu({ x: left, y: bottom, path: '#inputs', input: name })
        }}
      >
        ⋯
      </button>
    </div>
  )
})

function Renaming({ name }: { name: string }) {
  const say = t()
  const workflow = useWorkflow((workflow) => workflow)
  const catalogue = useEditor((state) => state.catalogue)
  return (
    <div className="graph-row graph-param" style={{ height: isLongInput(workflow, catalogue, name) ? LONG : ROW }}>
      <RenameField
        name={name} label={say('inputName')} className="graph-text"
        onName={(wish) => wish.trim() && edit((workflow) => renameInput(workflow, name, wish.trim()))}
      />
    </div>
  )
}
