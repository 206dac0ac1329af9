import { own, withKey, withoutKey } from './records'
import { nodeAt, withNode } from './scopes'
import type { Frame, Json, Layout, Node, Note, Path, Place, Workflow } from './types'

/*
 * Edits of what is only for the editor: places, notes, frames, and the values that its runs sweep. All of it stands in
 * `layout`, which changes no key.
 */

function withLayoutPart<K extends string>(workflow: Workflow, name: K, part: Layout[K] | undefined): Workflow {
  const layout = workflow.layout ?? {}
  return { ...workflow, layout: (part === undefined ? withoutKey(layout as never, name) : withKey(layout as never, name, part as never)) as Layout }
}

/** Put nodes where they are to be; a place of `#note:0` and `#frame:0` too. A loop's frame keeps its size where none is given. */
export function setPlaces(workflow: Workflow, places: Record<Path, Place>): Workflow {
  return Object.entries(places).reduce((changed, [path, place]) => {
    const drawn = drawnAt(path)
    if (drawn) return setDrawn(changed, drawn.list, drawn.index, { at: sized(place, changed.layout?.[drawn.list]?.[drawn.index]?.at) })
    return withLayoutPart(changed, path, sized(place, own(changed.layout as Record<Path, Place>, path)))
  }, workflow)
}

function sized(place: Place, before: Place | undefined): Place {
  return place.length === 2 && before?.length === 4 ? [place[0], place[1], before[2], before[3]] : place
}

/** `#note:0` → the first of the notes. */
export function drawnAt(path: Path): { list: '#notes' | '#frames'; index: number } | null {
  const [kind, index] = path.split(':')
  return kind === '#note' || kind === '#frame' ? { list: `${kind}s`, index: Number(index) } : null
}

/** Change a note or a frame; null takes it away. */
export function setDrawn<L extends '#notes' | '#frames'>(workflow: Workflow, list: L, index: number, change: Partial<Note & Frame> | null): Workflow {
  const drawn = (workflow.layout?.[list] ?? []) as (Note & Frame)[]
  const changed = change === null ? drawn.filter((_, i) => i !== index) : drawn.map((one, i) => (i === index ? { ...one, ...change } : one))
  return withLayoutPart(workflow, list as string, changed.length ? changed : undefined)
}

export function addNote(workflow: Workflow, at: Place): Workflow {
  return withLayoutPart(workflow, '#notes', [...(workflow.layout?.['#notes'] ?? []), { at, text: '' }])
}

export function addFrame(workflow: Workflow, at: Place): Workflow {
  return withLayoutPart(workflow, '#frames', [...(workflow.layout?.['#frames'] ?? []), { at, title: '' }])
}

/** Give an input many values in the editor's runs, as `--sweep` writes them; null takes them away. */
export function setSweep(workflow: Workflow, input: string, text: string | null): Workflow {
  const sweeps = workflow.layout?.['#sweeps'] ?? {}
  const changed = text === null ? withoutKey(sweeps, input) : withKey(sweeps, input, text)
  return withLayoutPart(workflow, '#sweeps', Object.keys(changed).length ? changed : undefined)
}

/** Give a node other params, all at once. */
export function setParams(workflow: Workflow, path: Path, params: Record<string, Json>): Workflow {
  const node = nodeAt(workflow, path)
  return node ? withNode(workflow, path, { ...(node as Node), params }) : workflow
}
