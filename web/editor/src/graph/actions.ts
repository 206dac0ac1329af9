import { catalogue, edit, select, useEditor, workflow } from '../state/document'
import { addFrame, addNote, setPlaces } from '../workflow/drawing'
import { addNode, remove, setBypass } from '../workflow/edit'
import { align, arrange, type Alignment } from '../workflow/arrange'
import { copy, paste } from '../workflow/clipboard'
import { unwrap, wrap } from '../workflow/loops'
import { loopAt, nodeAt, parentOf } from '../workflow/scopes'
import type { Path, Place } from '../workflow/types'
import { grown } from './flow'
import { sizer } from './sizes'

/*
 * What the menus, the keys and the toolbar do to the graph, each one step of undo.
 */

const chosen = (): Path[] => [...useEditor.getState().selected].filter((path) => path !== '#inputs')
const isNode = (path: Path) => !path.startsWith('#')

/** The selected nodes, or the one that a menu is about. */
export function meant(path?: Path): Path[] {
  const paths = chosen()
  return path !== undefined && !paths.includes(path) ? [path] : paths
}

export function add(type: string, loop: Path | null, at: Place): Path {
  let path = ''
  edit((workflow) => {
    const added = addNode(workflow, type, loop, at)
    path = added.path
    const frame = loop === null ? null : grown(added.workflow, catalogue(), loop)
    return frame ? setPlaces(added.workflow, { [loop!]: frame }) : added.workflow
  })
  if (path) select([path])
  return path
}

export function removeAll(paths: Path[]): void {
  edit((workflow) => remove(workflow, paths))
  select([])
}

export function toggleBypass(paths: Path[]): void {
  const nodes = paths.filter(isNode)
  const all = nodes.every((path) => nodeAt(workflow(), path)?.bypass)
  edit((workflow) => nodes.reduce((changed, path) => setBypass(changed, path, !all), workflow))
}

export function wrapAll(paths: Path[]): void {
  edit((before) => {
    const outcome = wrap(before, catalogue(), paths.filter(isNode))
    if ('reason' in outcome) return outcome
    const frame = grown(outcome.workflow, catalogue(), outcome.path)
    queueMicrotask(() => select([outcome.path]))
    return frame ? setPlaces(outcome.workflow, { [outcome.path]: frame }) : outcome.workflow
  })
}

export function unwrapLoop(path: Path): void {
  edit((workflow) => unwrap(workflow, path))
  select([])
}

export function copied(paths: Path[]): string | null {
  return paths.length ? copy(workflow(), paths) : null
}

/** Paste text into a loop, or at the top; gives whether it was something to paste. */
export function pasted(text: string, loop: Path | null = null): boolean {
  let paths: Path[] = []
  const done = edit((workflow) => {
    const outcome = paste(workflow, catalogue(), text, loop, [36, 36])
    if (!('reason' in outcome)) paths = outcome.paths
    return outcome
  })
  if (done) select(paths)
  return done
}

export function duplicate(paths: Path[]): void {
  const text = copied(paths)
  const loops = new Set(paths.map(parentOf))
  if (text) pasted(text, loops.size === 1 ? [...loops][0]! : null)
}

export function arrangeAll(): void {
  edit((workflow) => ({ ...workflow, layout: arrange(workflow, sizer(workflow, catalogue())) }))
}

export function alignAll(how: Alignment): void {
  edit((workflow) => align(workflow, chosen(), sizer(workflow, catalogue()), how))
}

export function note(at: Place): void {
  edit((workflow) => addNote(workflow, [at[0], at[1], 220, 110]))
}

/** A frame behind the selected nodes. */
export function frameAround(boxes: { x: number; y: number; width: number; height: number }[]): void {
  if (boxes.length === 0) return
  const [margin, head] = [24, 40]
  const left = Math.min(...boxes.map((box) => box.x)) - margin
  const top = Math.min(...boxes.map((box) => box.y)) - head
  const right = Math.max(...boxes.map((box) => box.x + box.width)) + margin
  const bottom = Math.max(...boxes.map((box) => box.y + box.height)) + margin
  edit((workflow) => addFrame(workflow, [left, top, right - left, bottom - top].map(Math.round) as Place))
}

/** The loop that a new node goes into: one that is selected, or that a selected node is in. */
export function loopOfSelection(): Path | null {
  const [path] = chosen()
  if (path === undefined || !isNode(path)) return null
  return loopAt(workflow(), path) ? path : parentOf(path)
}
