import { useEffect, useMemo, useState } from 'react'
import { api, viewAddress } from '../server/api'
import type { View } from '../server/types'
import type { Json, Path } from '../workflow/types'
import { catalogue, graph, workflow } from './document'
import { valueAt } from './plan'
import { useRun } from './run'

/** What the views are called that list the tokens of a text, and that show a picture as it is. */
const [TOKENS, PICTURE] = ['tokens', 'picture']
const NONE: string[] = []

/** The pieces of text by position, of the nearest value upstream that can list its tokens; none if there is no such. */
export function useWords(path: Path, socket: string): string[] {
  const address = useRun((state) => {
    const from = nearest(path, socket, ({ name, shows }) => name === TOKENS && shows === 'table')
    const found = from && valueAt(state.plan, workflow(), graph(), from.path, from.socket, state)
    return found && 'key' in found && (found.kept || state.made.has(found.key)) ? viewAddress(found.key, found.output, TOKENS, {}, 'json') : ''
  })
  const [words, setWords] = useState(NONE)
  useEffect(() => {
    let wanted = true
    if (!address) return setWords(NONE)
    api.view(address).then((table) => wanted && setWords(wordsOf(table)), () => setWords(NONE))
    return () => void (wanted = false)
  }, [address])
  return words
}

function wordsOf(table: Json): string[] {
  const { columns, rows } = table as { columns: string[]; rows: Json[][] }
  const text = columns.findIndex((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'string'))
  const words = text < 0 ? NONE : rows.map((row) => String(row[text]))
  const last = words.findLastIndex((word, i) => word !== words[i - 1]) // what follows is padding
  return words.slice(0, last + 1)
}

/** The nearest value that is itself a picture, and not made from this one: what a map of numbers may be laid over. */
export function useNearestPicture(path: Path, socket: string): { key: string; output: string } | undefined {
  const text = useRun((state) => {
    const near = nearest(path, socket, ({ name }) => name === PICTURE, 'both')
    const found = near && valueAt(state.plan, workflow(), graph(), near.path, near.socket, state)
    return found && 'key' in found && (found.kept || state.made.has(found.key)) ? `${found.key} ${found.output}` : ''
  })
  return useMemo(() => {
    const [key, output = ''] = text.split(' ')
    return key ? { key, output } : undefined
  }, [text])
}

/** Breadth first, the nearest value of a type that has a view like this. */
function nearest(path: Path, socket: string, like: (view: View) => boolean, way: 'up' | 'both' = 'up'): { path: Path; socket: string } | undefined {
  const { wires, kinds } = graph()
  const seen = way === 'both' ? downstream(path) : new Set<Path>()
  const pending = [{ path, socket }]
  for (const end of pending) {
    if (end.path !== path && seen.has(end.path)) continue
    const views = catalogue().types[kinds.get(`${end.path}|${end.socket}`) ?? '']?.views ?? []
    if (views.some(like)) return end
    seen.add(end.path)
    for (const wire of wires) {
      if (wire.to === end.path) pending.push({ path: wire.from, socket: wire.output })
      else if (way === 'both' && wire.from === end.path) pending.push(...outputsOf(wire.to))
    }
  }
  return undefined
}

/** The nodes that what a node gives flows into. */
function downstream(path: Path): Set<Path> {
  const found = new Set<Path>([path])
  for (const one of found) for (const wire of graph().wires) if (wire.from === one) found.add(wire.to)
  return found
}

function outputsOf(path: Path): { path: Path; socket: string }[] {
  return [...graph().kinds.keys()].filter((name) => name.startsWith(`${path}|out:`)).map((name) => ({ path, socket: name.slice(path.length + 1) }))
}
