import { isNum, numberText } from './json'
import { own } from './records'
import { parentOf } from './scopes'
import type { Layout, Path, Place, Workflow } from './types'

/** What a file gives as a place, if it is one. */
function asPlace(value: unknown): Place | undefined {
  if (!Array.isArray(value) || (value.length !== 2 && value.length !== 4) || !value.every(isNum)) return undefined
  const numbers = value.map((number) => Number(numberText(number)))
  return numbers.every((number) => Math.abs(number) < 1e7) ? (numbers as Place) : undefined
}

function drawn<T>(value: unknown, read: (thing: Record<string, unknown>, at: Place) => T): T[] | undefined {
  const things = Array.isArray(value) ? value.filter((thing) => asPlace(thing?.at)).map((thing) => read(thing, asPlace(thing.at)!)) : []
  return things.length ? things : undefined
}

/** Whether a name in a layout is none that is known here: what a later version keeps under it stays as it is. */
export function isOfLater(name: string): boolean {
  return name.startsWith('#') && !['#inputs', '#notes', '#frames', '#sweeps'].includes(name)
}

/** A layout of which nothing is other than its types say. Files may hold anything there, as it changes no key. */
export function soundLayout(layout: Layout = {}): Layout {
  const sweeps = Object.entries(layout['#sweeps'] ?? {}).filter(([, text]) => typeof text === 'string')
  const entries = Object.entries(layout).map(([path, value]): [string, Layout[string]] => {
    if (path === '#notes') return [path, drawn(value, ({ text }, at) => ({ at, text: String(text ?? '') }))]
    if (path === '#sweeps') return [path, sweeps.length ? Object.fromEntries(sweeps) : undefined]
    if (path === '#frames') return [path, drawn(value, ({ title, colour }, at) => ({ at, title: String(title ?? ''), ...(typeof colour === 'string' && { colour }) }))]
    return [path, isOfLater(path) ? value : asPlace(value)]
  })
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

/** Where a node or the inputs' card is, from the corner of the loop that it stands in. */
export function placeOf(workflow: Workflow, path: Path): Place | undefined {
  return own(workflow.layout, path) as Place | undefined
}

/** Where the corner of a loop is on the canvas; of the top it is 0, 0. */
export function cornerOf(workflow: Workflow, loop: Path | null): [number, number] {
  let [x, y] = [0, 0]
  for (let at = loop; at !== null; at = parentOf(at)) {
    const place = placeOf(workflow, at)
    x += place?.[0] ?? 0
    y += place?.[1] ?? 0
  }
  return [x, y]
}

/** The places of nodes mapped; null takes one away. All else in the layout stays. */
export function mapPlaces(workflow: Workflow, map: (path: Path, place: Place) => readonly [Path, Place] | null): Workflow {
  let changed = false
  const entries = Object.entries(workflow.layout ?? {}).flatMap(([path, value]): (readonly [string, Layout[string]])[] => {
    if (path.startsWith('#')) return [[path, value]]
    const mapped = map(path, value as Place)
    changed ||= !mapped || mapped[0] !== path || mapped[1] !== value
    return mapped ? [mapped] : []
  })
  return changed ? { ...workflow, layout: Object.fromEntries(entries) } : workflow
}

/** A place moved by so much. */
export function shifted([x, y, ...size]: Place, [dx, dy]: readonly number[]): Place {
  return [x + (dx ?? 0), y + (dy ?? 0), ...size] as Place
}
