import type { LosslessNumber } from 'lossless-json'

/** A number as it stands in JSON: a `number` where that says the same text, else a `LosslessNumber` (7.0, 2⁵³ + 1). */
export type Num = number | LosslessNumber
export type Json = null | boolean | Num | string | Json[] | { [key: string]: Json }

/** A node by its place: `denoise` in the loop `sample` is `sample.denoise`. */
export type Path = string

/** What stands in `in`: a name, `name.output`, `name.all`, `name.node.all`; it is resolved from the inside out. */
export type Reference = string

export type InputType = 'string' | 'int' | 'float' | 'bool'

export interface Input {
  type: InputType
  default?: Json
  description?: string
}

export interface Node {
  type: string
  in?: Record<string, Reference>
  params?: Record<string, Json>
  bypass?: boolean
  note?: string
}

export interface Repeat {
  type: 'repeat'
  for: Record<string, [Num | Reference, Num | Reference]>
  /** Where carried values begin and what is handed on; a name in one of them only is an end not linked yet. */
  carry?: Record<string, Reference>
  body: Record<string, AnyNode>
  next?: Record<string, Reference>
  bypass?: boolean
  note?: string
}

export type AnyNode = Node | Repeat

/** A place on the canvas: x, y, and for what has a size width and height; inside a loop it begins at the loop's corner. */
export type Place = [number, number] | [number, number, number, number]

export interface Note {
  at: Place
  text: string
}

export interface Frame {
  at: Place
  title: string
  colour?: string
}

/**
 * Where things are, by path; it changes no key. Names that no node can have begin with `#`: `#inputs` is the place of
 * the workflow's inputs, `#notes` and `#frames` are what was written and drawn on the canvas.
 */
export interface Layout {
  '#inputs'?: Place
  '#notes'?: Note[]
  '#frames'?: Frame[]
  /** Inputs that are to have many values in the editor's runs, as `--sweep` writes them. */
  '#sweeps'?: Record<string, string>
  [path: Path]: Place | Note[] | Frame[] | Record<string, string> | undefined
}

/** A workflow as it stands in its file, in the order of the file. Edits give a new one and never change this one. */
export interface Workflow {
  diffuscope: number
  title?: string
  description?: string
  inputs?: Record<string, Input>
  nodes: Record<string, AnyNode>
  layout?: Layout
}

export function isRepeat(node: AnyNode): node is Repeat {
  return node.type === 'repeat'
}
