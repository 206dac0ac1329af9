import { memo, useCallback } from 'react'
import { Field } from '../fields/Field'
import { edit } from '../state/document'
import { fileHelp, useFilesFor } from '../state/uploads'
import type { NodeType } from '../server/types'
import { useRun } from '../state/run'
import { setParam } from '../workflow/edit'
import type { Json, Path } from '../workflow/types'
import { faultsAt, placeOf } from './faults'
import type { Row } from './sizes'

interface Props {
  path: Path
  name: string
  row: Row
  type: NodeType
  label: string
  value: Json | undefined
  /** What it is linked to, if it is. */
  from: string | undefined
}

/** A param: a field, or the name of what it is linked to. */
export const ParamRow = memo(function ParamRow({ path, name, row, type, label, value, from }: Props) {
  const fault = useRun((state) => faultsAt(state.faults, path).find((fault) => placeOf(fault.where).part.endsWith(`.${name}`)))
  const files = useFilesFor(row.schema!.file ? type : undefined)
  const change = useCallback((value: Json | undefined, merge: string) => edit((workflow) => setParam(workflow, path, name, value), `${path}.${name}.${merge}`), [path, name])
  return (
    <div className={`graph-row graph-param${row.long ? ' graph-long' : ''}${fault ? ' graph-faulty' : ''}`} style={{ height: row.height }} title={fault?.message}>
      {from === undefined ? (
        <Field schema={row.schema!} value={value} onChange={change} label={label} id={`${path}.${name}`} long={Boolean(row.long)} {...(row.schema!.file ? { ...fileHelp, files } : {})} />
      ) : (
        <>
          <span className="cut" title={row.schema?.description}>{label}</span>
          <span className="graph-from mono cut">{from}</span>
        </>
      )}
    </div>
  )
})
