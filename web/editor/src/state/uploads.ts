import { create } from 'zustand'
import { schemaOfInput } from '../graph/sizes'
import { api } from '../server/api'
import type { NodeType, Upload } from '../server/types'
import { setParam } from '../workflow/edit'
import { setInput } from '../workflow/inputs'
import { typeOf } from '../workflow/kinds'
import { allPaths, INPUTS, nodeAt } from '../workflow/scopes'
import { isRepeat, type Path } from '../workflow/types'
import { catalogue, edit, workflow } from './document'

/** What files can be named: pictures that were sent, and models. */
const useFiles = create<{ pictures: string[]; models: string[] }>(() => ({ pictures: [], models: [] }))

/** Ask the server what files there are. */
export async function learnFiles(): Promise<void> {
  const found = await Promise.all([api.uploads(), api.models()]).catch(() => null) // it is a help, and can be done without
  if (!found) return
  const [{ uploads }, { models }] = found
  useFiles.setState({ pictures: uploads.map(({ path }) => path), models: models.map(({ name }) => name) })
}

async function send(picture: Blob): Promise<Upload> {
  const sent = await api.upload(picture)
  void learnFiles()
  return sent
}

/** The files that a node of a type may be meant to read. */
export function useFilesFor(type: NodeType | undefined): string[] {
  const { pictures, models } = useFiles()
  return !type ? NO_FILES : readsPicture(type) ? pictures : models
}

const NO_FILES: string[] = []

/** What a field for a file needs: where pictures go, and how they look. */
export const fileHelp = {
  async onUpload(file: File): Promise<string> {
    return (await send(file)).path
  },
  thumbnail: (path: string): string | null => (/^uploads\/[^/]+$/.test(path) ? `/api/${path}?side=64` : null),
}

/** What names a file: a param of a node, or an input of the workflow that such a param reads. */
export interface FilePlace {
  path: Path
  param: string
}

/** Whether a node is one that reads a picture file: it is given nothing but params, and what it gives is seen as it is. */
function readsPicture(type: NodeType): boolean {
  const seen = Object.values(type.outputs).some((kind) => catalogue().types[kind]?.views.some(({ name }) => name === 'picture'))
  return seen && Object.keys(type.ports).length === 0
}

/** Where the document names pictures. */
export function filePlaces(): FilePlace[] {
  const found = new Map<string, FilePlace>()
  for (const path of allPaths(workflow())) {
    const node = nodeAt(workflow(), path)
    const type = node && typeOf(catalogue(), node)
    if (!node || isRepeat(node) || !type || !readsPicture(type)) continue
    for (const [param, schema] of Object.entries(type.params)) {
      if (!schema.file) continue
      const from = node.in?.[param]
      const place = from !== undefined && schemaOfInput(workflow(), catalogue(), from).file ? { path: INPUTS, param: from } : { path, param }
      found.set(`${place.path}.${place.param}`, place)
    }
  }
  return [...found.values()]
}

/** The nodes by which a picture file can be read, to be added. */
export function pictureReaders(): { type: NodeType; param: string }[] {
  return catalogue().nodes.filter(readsPicture).flatMap((type) => Object.entries(type.params).filter(([, schema]) => schema.file).map(([param]) => ({ type, param })))
}

/** Send a picture to the server, and let it be read in a place; gives its address. */
export async function usePicture(picture: Blob, { path, param }: FilePlace): Promise<string> {
  const sent = await send(picture)
  edit((workflow) => (path === INPUTS ? setInput(workflow, param, { default: sent.path }) : setParam(workflow, path, param, sent.path)))
  return sent.url
}
