import type { Json, Workflow } from '../workflow/types'

/** The part of JSON Schema that `/api/nodes` uses for params. */
export interface ParamSchema {
  type?: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object' | 'null'
  enum?: Json[]
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
  step?: number
  minItems?: number
  maxItems?: number
  maxLength?: number
  pattern?: string
  items?: ParamSchema
  anyOf?: ParamSchema[]
  default?: Json
  description?: string
  /** Without it the node does not run. */
  required?: boolean
  /** Whether it names a file. */
  file?: boolean
}

export interface Port {
  type: string
  required: boolean
  help: string
  /** `loop`: it reads a list, one from every iteration. `sweep`: it takes the axes away again. */
  gathers: null | 'loop' | 'sweep'
}

export interface Labels {
  label: string
  help: string
  inputs: Record<string, string>
  outputs: Record<string, string>
}

export type Language = 'en' | 'ja'

export interface NodeType {
  name: string
  category: string
  help: string
  effect: boolean
  ports: Record<string, Port>
  params: Record<string, ParamSchema>
  /** A single output is called `value`, and references name it by the node alone. */
  outputs: Record<string, string>
  labels: Record<Language, Labels>
}

/** `repeat` and `axis`, which the engine expands itself. */
export interface Builtin {
  name: string
  category: string
  help: string
  params: { properties: Record<string, ParamSchema> } | null
  labels: Record<Language, Labels>
}

export interface View {
  name: string
  type: string
  shows: 'picture' | 'table'
  help: string
  params: Record<string, ParamSchema>
}

export interface ValueType {
  help: string
  labels: Record<Language, string>
  stored: boolean
  views: View[]
}

export interface Catalogue {
  nodes: NodeType[]
  builtins: Builtin[]
  types: Record<string, ValueType>
  categories: Record<string, Record<Language, string>>
}

export interface Fault {
  where: string
  message: string
  hint: string
}

export type CallPlanState = 'cached' | 'run' | 'unneeded'

export interface PlannedCall {
  label: string
  node: string
  path: string
  iterations: number[]
  /** As the label has it: `strength=0.75, seed=3`. */
  coordinates: string
  /** Axis → index. */
  at: Record<string, number>
  key: string
  state: CallPlanState
  /** Whether its value is in the cache, needed or not. */
  kept: boolean
  /** Output → type; the only output of a node is called ''. */
  outputs: Record<string, string>
}

/** One cell of a top-level reference: a value by key and output, or a constant. */
export interface Cell {
  at: Record<string, Json>
  place: number[]
  key?: string
  output?: string
  value?: Json
  cut?: boolean
}

export interface Plan {
  calls: PlannedCall[]
  counts: { run: number; cached: number; unneeded: number }
  wires: Record<string, Cell[]>
  cut: boolean
  axes: Record<string, Json[]>
}

export type JobStateName = 'queued' | 'running' | 'paused' | 'done' | 'failed' | 'cancelled'

export interface Picture {
  name: string
  url: string
}

export interface Job {
  id: string
  state: JobStateName
  wanted: '' | 'paused' | 'cancelled'
  title: string
  name: string
  template: string
  calls: number
  to_run: number
  ran: number
  cached: number
  starts: number
  created: string
  started: string | null
  finished: string | null
  seconds: number
  pictures: Picture[]
  errors: string[]
}

export interface JobInFull extends Job {
  workflow: Workflow
  inputs: Record<string, Json>
  sweeps: Record<string, Json>
  only: string | null
}

export interface CallRecord {
  number: number
  event: 'finished' | 'failed'
  label: string
  node: string
  key: string
  cached: boolean
  kept: boolean
  seconds: number
  bytes: number
  error: string
}

export interface Order {
  workflow?: Workflow
  name?: string
  template?: string
  inputs?: Record<string, Json>
  sweeps?: Record<string, Json[] | string>
  only?: string
  front?: boolean
}

/** What travels over `/api/ws`; those with a number are kept, and can be asked for again. */
export type ServerEvent = { job: string; number?: number; time?: number } & (
  | { event: 'queue'; state: JobStateName; queued: number; running: number }
  | { event: 'planned'; run: number; cached: number; unneeded: number }
  | { event: 'started'; label: string; node: string; key: string }
  | { event: 'finished'; label: string; node: string; key: string; cached: boolean; seconds: number; bytes: number; kept: boolean }
  | { event: 'failed'; label: string; node: string; key: string; error: string; inputs: Record<string, string> }
  | { event: 'warning'; label: string; message: string }
  | { event: 'progress'; label: string; node: string; fraction: number; done: number; of: number; preview: { key: string; output: string } | null }
  | { event: 'done'; status: string; seconds: number; files: string[]; errors: string[] }
  | { event: 'reset' }
)

export interface Arrays {
  shape: number[]
  dtype: string
  min: number | null
  max: number | null
  mean: number | null
  std: number | null
}

export interface OutputAbout {
  type: string
  summary: Record<string, Json>
  parts: Record<string, Arrays>
  views: View[]
}

export interface ValueAbout {
  key: string
  node: string
  label: string
  seconds?: number | null
  bytes?: number | null
  outputs: Record<string, OutputAbout>
}

export interface WorkflowAbout {
  name: string
  title: string
  description: string
  url: string
  changed: string | null
  version: string
  picture?: string | null
}

export interface Upload {
  name: string
  path: string
  url: string
  digest: string
  bytes: number
  width: number
  height: number
  workflow: boolean
}

export interface ImageAbout {
  job: string
  name: string
  url: string
  bytes: number
  changed: string
}

export interface Recipe {
  workflow: Workflow
  sweeps: Record<string, Json[] | string>
  keys: Record<string, Json>
}

export interface Stats {
  version: string
  memory: number
  children: { name: string; ready: boolean; memory: number; job: string | null }[]
  jobs: Record<JobStateName, number>
  cache: { values: number; bytes: number; budget: number }
  last_event: number
}
