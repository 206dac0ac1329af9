import { api } from '../server/api'
import { useLanguage } from '../text/text'
import { read } from '../workflow/json'
import type { Json, Workflow } from '../workflow/types'
import { bytesText } from './bytes'
import { unsaved, type Opened } from './opened'
import { misfit } from './shape'
import { t } from './texts'

/** What the server takes at most. */
const PICTURE_BYTES = 32 * 2 ** 20
const WORKFLOW_BYTES = 4 * 2 ** 20

const PICTURES: Record<string, string> = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', webp: 'image/webp', gif: 'image/gif', bmp: 'image/bmp' }
/** Kinds of pictures that can carry a workflow. */
const CARRIERS = ['image/png', 'image/jpeg', 'image/webp']

/** What a file chooser offers to `openFile`. */
export const OPENABLE = ['.json', 'application/json', ...CARRIERS].join()
/** What a file chooser offers for uploads. */
export const UPLOADABLE = [...new Set(Object.values(PICTURES))].join()

/** A picture that was uploaded, but has no workflow inside. */
export class NoWorkflow extends Error {}

/**
 * Open a workflow from a file: JSON, or a picture that carries one (it is uploaded for that).
 * Throws an Error with a line for a person.
 */
export async function openFile(file: File): Promise<Opened> {
  if (file.type === 'application/json' || suffix(file) === 'json') {
    refuseLarger(file, WORKFLOW_BYTES)
    return unsaved({ workflow: parseWorkflow(await file.text(), file.name), sweeps: {} })
  }
  if (!CARRIERS.includes(kindOf(file))) throw new Error(t.now('otherFile', { name: file.name }))
  const upload = await uploadPicture(file)
  if (!upload.workflow) throw new NoWorkflow(t.now('noWorkflow', { name: file.name }))
  return unsaved(await api.uploadRecipe(upload.name))
}

/** Send a picture for workflows to read; one that is too large is refused before. */
export function uploadPicture(file: File) {
  refuseLarger(file, PICTURE_BYTES)
  return api.upload(new Blob([file], { type: kindOf(file) }))
}

/** The workflow that a text is; `name` is what errors call it. */
export function parseWorkflow(text: string, name: string): Workflow {
  const data = parse(text, name)
  const where = misfit(data)
  if (where !== null) throw new Error(t.now('misfit', { name, where: where || t.now('theFile') }))
  return data as unknown as Workflow
}

function parse(text: string, name: string): Json {
  try {
    return read(text)
  } catch (error) {
    if (error instanceof RangeError) throw new Error(t.now('tooDeep', { name }))
    const message = String(error)
    const position = Number(/ at position (\d+)$/.exec(message)?.[1] ?? text.length)
    const lines = text.slice(0, position).split('\n')
    const at = { name, line: lines.length, column: (lines.at(-1) ?? '').length + 1 }
    const twice = /Duplicate key '(.*)' encountered/.exec(message)?.[1]
    if (twice !== undefined) throw new Error(t.now('badJsonTwice', { ...at, key: twice }))
    const found = /^\s*(\S.{0,11})/.exec(text.slice(position))?.[1]
    throw new Error(t.now('badJson', { ...at, where: found ? t.now('badJsonAt', { found }) : t.now('badJsonEnd') }))
  }
}

function suffix({ name }: File): string {
  return /\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? ''
}

/** Some systems do not tell the type of a file that is dropped. */
function kindOf(file: File): string {
  return file.type || (PICTURES[suffix(file)] ?? '')
}

function refuseLarger(file: File, limit: number): void {
  if (file.size <= limit) return
  const { language } = useLanguage.getState()
  throw new Error(t.now('tooLarge', { name: file.name, bytes: bytesText(file.size, language), limit: bytesText(limit, language) }))
}
