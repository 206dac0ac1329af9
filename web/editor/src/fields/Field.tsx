import './fields.css'
import type { ParamSchema } from '../server/types'
import type { Json } from '../workflow/types'
import { Choice, Switch } from './Choice'
import { FileField } from './FileField'
import { NumberField } from './NumberField'
import { simple } from './schema'
import { TextField } from './TextField'

export interface FieldProps {
  schema: ParamSchema
  /** `undefined` is the default. */
  value: Json | undefined
  /** Changes with the same `merge` are one gesture: typing until the focus leaves, or one drag. */
  onChange: (value: Json | undefined, merge: string) => void
  label: string
  /** Of the control in the page; unique there. */
  id: string
  disabled?: boolean | undefined
  /** For texts: a box of several lines below the label, 76 px in all; every other field is a line of 28 px. */
  long?: boolean | undefined
  /** Paths to offer where a file is named. */
  files?: string[] | undefined
  /** Uploads a picture, and tells its path. */
  onUpload?: ((file: File) => Promise<string>) | undefined
  /** The address of a small picture of a file. */
  thumbnail?: ((path: string) => string | null) | undefined
}

/** The control for one param, by its schema alone. */
export function Field(props: FieldProps) {
  const { schema, nullable } = simple(props.schema)
  if (schema.enum) return <Choice {...props} choices={nullable ? [...schema.enum, null] : schema.enum} />
  switch (schema.type) {
    case 'boolean': return nullable ? <Choice {...props} choices={[true, false, null]} /> : <Switch {...props} />
    case 'integer':
    case 'number': return <NumberField {...props} />
    case 'string': return schema.file ? <FileField {...props} /> : <TextField {...props} />
    default: return <TextField {...props} json />
  }
}
