import type { Catalogue } from '../server/types'
import { whyNot } from './connect'
import { drawnAt } from './drawing'
import { movedPlaces } from './edit'
import { graphOf } from './graph'
import { numberText, read, write } from './json'
import { boundNames, fresh, freshNames, names, withBoundNames } from './names'
import { cornerOf, shifted, soundLayout } from './places'
import { mapKeys, own } from './records'
import { mapReferences } from './references'
import { type Outcome, refused } from './reasons'
import { resolve } from './resolve'
import { back, type Moving, movedPath, movedSource, moves, rewire } from './rewire'
import { INPUTS, join, nameOf, nodeAt, nodesAt, outermost, parentOf, withNodes, within } from './scopes'
import { isWorkflow } from './shape'
import type { AnyNode, Frame, Input, Layout, Note, Path, Workflow } from './types'

/** The format that this editor writes. */
const FORMAT = 1

/** Nodes, notes and frames as text, which is a workflow that a person can read. Places in it are those on the canvas. */
export function copy(workflow: Workflow, paths: readonly Path[]): string {
  const tops = outermost(paths).filter((path) => nodeAt(workflow, path))
  const names = new Map<Path, Path>()
  const taken = new Set<string>()
  for (const top of tops) {
    const name = fresh(taken, nameOf(top))
    taken.add(name)
    names.set(top, name)
  }
  const moving: Moving = { places: names, names: new Map() }
  const nodes = Object.fromEntries(Array.from(names, ([path, name]): [string, AnyNode] => [name, nodeAt(workflow, path)!]))
  const home = back(moving)
  const { workflow: part } = rewire(workflow, { diffuscope: FORMAT, nodes }, (path) => movedPath(home, path), (source) =>
    moves(moving, source.path) ? movedSource(workflow, moving, source) : undefined,
  )
  const layout = movedPlaces(workflow, moving, (path) => cornerOf(workflow, parentOf(path))).layout ?? {}
  const kept = Object.entries(layout).filter(([path]) => [...names.values()].some((top) => within(path, top)))
  const drawn = (list: '#notes' | '#frames') => {
    const chosen = new Set(paths.flatMap((path) => (drawnAt(path)?.list === list ? drawnAt(path)!.index : [])))
    const things = (workflow.layout?.[list] ?? []).filter((_, index) => chosen.has(index))
    return things.length ? { [list]: things } : {}
  }
  const places = { ...Object.fromEntries(kept), ...drawn('#notes'), ...drawn('#frames') }
  return write({ diffuscope: FORMAT, clipboard: FORMAT, nodes: part.nodes, layout: places }, 1)
}

/** Text as a workflow, or a part of one. */
export function readText(text: string): Outcome {
  let data: unknown
  try {
    data = read(text)
  } catch {
    return refused('text')
  }
  if (!isWorkflow(data)) return refused('text')
  if (Number(numberText(data.diffuscope)) > FORMAT) return refused('newer')
  return { workflow: { ...data, layout: soundLayout(data.layout) } }
}

/**
 * What was copied, or a whole workflow, put in, at the top or into a loop. Names that are taken become others; references to
 * what was not copied are kept where they mean something here that fits. Inputs that are missing come along.
 */
export function paste(
  workflow: Workflow,
  catalogue: Catalogue,
  text: string,
  loop: Path | null,
  offset: readonly [number, number],
): Outcome<{ paths: Path[] }> {
  const found = readText(text)
  if ('reason' in found) return found
  const part = found.workflow
  const level = nodesAt(workflow, loop)
  if (!level) return refused('nothing')
  const { inputs, renamed } = withInputs(workflow, part)
  const here = { ...workflow, ...(inputs && { inputs }) }

  const bound = freshNames(boundNames(part.nodes), names(here), names(part))
  const moving: Moving = { places: new Map(Object.keys(part.nodes).map((name) => [name, bound.get(name) ?? name])), names: bound }
  const nodes = Object.fromEntries(Object.entries(part.nodes).map(([name, node]) => [moving.places.get(name)!, withBoundNames(node, bound)]))
  const home = back(moving)
  const partInputs = mapKeys(part.inputs ?? {}, (name) => renamed.get(name) ?? name)
  const fragment = rewire(part, { ...part, nodes, inputs: partInputs }, (path) => movedPath(home, path), (source) => {
    if (source.path !== INPUTS) return movedSource(part, moving, source)
    const name = source.output.slice('out:'.length)
    return { ...source, output: `out:${renamed.get(name) ?? name}` }
  }).workflow

  const loose = new Set<string>()
  mapReferences(fragment, (reference, scope, path, input) => {
    if (!resolve(scope, reference)) loose.add(`${join(loop, path)}|${input}`)
    return reference
  })
  const merged = withNodes(here, loop, { ...level, ...fragment.nodes })
  const wires = new Map(graphOf(merged, catalogue).wires.map((wire) => [wire.id, wire]))
  const linked = mapReferences(merged, (reference, _, path, input) => {
    const id = `${path}|${input}`
    const wire = wires.get(id)
    return loose.has(id) && (!wire || whyNot(merged, catalogue, wire)) ? null : reference
  })

  const placed = movedPlaces(part, moving).layout ?? {}
  return withDrawn(linked, placed, [...moving.places.values()], loop, offset)
}

/** The inputs of both, and which of those put in are called otherwise here. */
function withInputs(workflow: Workflow, part: Workflow): { inputs: Record<string, Input> | undefined; renamed: Map<string, string> } {
  const taken = names(workflow)
  const renamed = new Map<string, string>()
  let inputs = workflow.inputs
  for (const [name, input] of Object.entries(part.inputs ?? {})) {
    if (own(workflow.inputs, name)?.type === input.type) continue
    const instead = fresh(taken, name)
    taken.add(instead)
    if (instead !== name) renamed.set(name, instead)
    inputs = { ...inputs, [instead]: input }
  }
  return { inputs, renamed }
}

/** The places of what was put in. */
function withDrawn(
  workflow: Workflow,
  layout: Layout,
  tops: Path[],
  loop: Path | null,
  offset: readonly [number, number],
): Outcome<{ paths: Path[] }> {
  const corner = cornerOf(workflow, loop)
  const inside = [offset[0] - corner[0], offset[1] - corner[1]]
  const places = Object.entries(layout).flatMap(([path, place]): [Path, Layout[string]][] => {
    const top = tops.find((name) => within(path, name))
    if (top === undefined) return []
    return [[join(loop, path), path === top ? shifted(place as never, inside) : place]]
  })
  const notes = (layout['#notes'] ?? []).map((note): Note => ({ ...note, at: shifted(note.at, offset) }))
  const frames = (layout['#frames'] ?? []).map((frame): Frame => ({ ...frame, at: shifted(frame.at, offset) }))
  const before = { notes: workflow.layout?.['#notes'] ?? [], frames: workflow.layout?.['#frames'] ?? [] }
  const paths = [
    ...tops.map((name) => join(loop, name)),
    ...notes.map((_, i) => `#note:${before.notes.length + i}`),
    ...frames.map((_, i) => `#frame:${before.frames.length + i}`),
  ]
  if (!paths.length) return refused('empty')
  const more: Layout = {
    ...workflow.layout,
    ...Object.fromEntries(places),
    ...(notes.length && { '#notes': [...before.notes, ...notes] }),
    ...(frames.length && { '#frames': [...before.frames, ...frames] }),
  }
  return { workflow: Object.keys(more).length ? { ...workflow, layout: more } : workflow, paths }
}
