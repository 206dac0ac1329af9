import { isInner, mapReferences } from './references'
import { resolve, type Scope, scopeAt, type Source, spell } from './resolve'
import { nodeAt, parentOf } from './scopes'
import { isRepeat, type Path, type Workflow } from './types'

/** What an edit has made of the workflow, and how many links it has cost. */
export interface Rewired {
  workflow: Workflow
  cut: number
  /** Whether one was lost because it would have had to reach into a loop within a loop. */
  deep: boolean
}

/**
 * The references of a workflow whose nodes were moved, renamed or removed, said as they are to be said now.
 *
 * @param before what the references in `after` were written for
 * @param after the nodes as they are to be, with their references still of old
 * @param home where a node of `after` was
 * @param change what a source is now, for whom it was linked to: null cuts the link, undefined leaves the reference as it is written
 */
export function rewire(
  before: Workflow,
  after: Workflow,
  home: (path: Path) => Path,
  change: (source: Source, path: Path, input: string) => Source | null | undefined,
): Rewired {
  const left = new Set<string>()
  const scopes = new Map<Path | null, Scope | null>()
  const scopeBefore = (loop: Path | null) => {
    if (!scopes.has(loop)) scopes.set(loop, scopeAt(before, loop))
    return scopes.get(loop)!
  }
  let cut = 0
  let deep = false
  let workflow = mapReferences(after, (reference, scope, path, input) => {
    const old = home(path)
    const seen = scopeBefore(isInner(input) ? old : parentOf(old))
    const source = seen && resolve(seen, reference)
    const now = source ? change(source, old, input) : undefined
    if (now === undefined) {
      left.add(`${path}|${input}`)
      return reference
    }
    const said = now && spell(now, scope.path)
    if (said === null) cut += 1
    deep ||= now !== null && said === null
    return said
  })
  // A carried value that has lost both its ends is gone, and with it the links to it.
  for (let last: Workflow | null = null; last !== workflow; ) {
    last = workflow
    workflow = mapReferences(last, (reference, scope, path, input) => {
      if (left.has(`${path}|${input}`) || resolve(scope, reference)) return reference
      cut += 1
      return null
    })
  }
  return { workflow, cut, deep }
}

/** Where nodes go, and which names in them become others. */
export interface Moving {
  places: ReadonlyMap<Path, Path>
  names: ReadonlyMap<string, string>
}

/** The path of a node after a move. */
export function movedPath({ places, names }: Moving, path: Path): Path {
  for (let top: Path | null = path; top !== null; top = parentOf(top)) {
    const now = places.get(top)
    if (now === undefined) continue
    const inside = path.slice(top.length + 1)
    return inside ? `${now}.${inside.split('.').map((name) => names.get(name) ?? name).join('.')}` : now
  }
  return path
}

/** Whether a place is one that moves, or inside one. */
export function moves({ places }: Moving, path: Path): boolean {
  for (let top: Path | null = path; top !== null; top = parentOf(top)) if (places.has(top)) return true
  return false
}

/** The way back. */
export function back({ places, names }: Moving): Moving {
  const turned = <K, V>(map: ReadonlyMap<K, V>) => new Map(Array.from(map, ([key, value]): [V, K] => [value, key]))
  return { places: turned(places), names: turned(names) }
}

/** A source after a move. */
export function movedSource(before: Workflow, moving: Moving, source: Source): Source {
  if (!moves(moving, source.path)) return source
  const path = movedPath(moving, source.path)
  const node = nodeAt(before, source.path)
  if (!node || !isRepeat(node)) return { ...source, path }
  // What a loop gives is named by what it binds.
  const said = (text: string) => text.replace(/(?<=^(?:item:#?|out:|\.))\w+/, (name) => moving.names.get(name) ?? name)
  const bare = source.local === '' || source.local === '.all'
  return { ...source, path, output: said(source.output), local: bare ? source.local : said(source.local) }
}

/** `rewire` after a move. `exception` says what a source is where it is not simply what it was, in terms of the new paths. */
export function relocate(
  before: Workflow,
  after: Workflow,
  moving: Moving,
  exception: (source: Source, path: Path, input: string) => Source | null | undefined = () => undefined,
): Rewired {
  const inverse = back(moving)
  return rewire(
    before,
    after,
    (path) => movedPath(inverse, path),
    (source, path, input) => {
      const other = exception(source, path, input)
      return other === undefined ? movedSource(before, moving, source) : other
    },
  )
}

/** After some nodes, inputs or carried values were taken away: without the links to them. */
export function cutLoose(before: Workflow, after: Workflow): Workflow {
  return rewire(before, after, (path) => path, (source) => source).workflow
}
