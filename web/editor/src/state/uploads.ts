import { api } from '../server/api'
import { setParam } from '../workflow/edit'
import { allPaths, nodeAt } from '../workflow/scopes'
import { isRepeat, type Path } from '../workflow/types'
import { catalogue, edit, workflow } from './document'

/** What a field for a file needs: where pictures go, and how they look. */
export const fileHelp = {
  async onUpload(file: File): Promise<string> {
    return (await api.upload(file)).path
  },
  thumbnail: (path: string): string | null => (/^uploads\/[^/]+$/.test(path) ? `/api/${path}?side=64` : null),
}

/** A param that names a file. */
export interface FilePlace {
  path: Path
  param: string
}

/** The params in the document that name a picture: those for a file, of nodes that give something seen as a picture at once. */
export function filePlaces(): FilePlace[] {
  return allPaths(workflow()).flatMap((path) => {
    const node = nodeAt(workflow(), path)
    const type = catalogue().nodes.find((type) => type.name === node?.type)
    if (!node || isRepeat(node) || !type || Object.keys(type.ports).length) return []
    const seen = Object.values(type.outputs).some((kind) => catalogue().types[kind]?.views[0]?.name === 'picture')
    return seen ? Object.entries(type.params).filter(([, schema]) => schema.file).map(([param]) => ({ path, param })) : []
  })
}

/** Send a picture to the server and let a node read it. */
export async function usePicture(picture: Blob, { path, param }: FilePlace): Promise<void> {
  const { path: sent } = await api.upload(picture)
  edit((workflow) => setParam(workflow, path, param, sent))
}
