import { useEffect, useState } from 'react'
import { api, viewAddress } from '../server/api'
import type { Json, Path } from '../workflow/types'
import { catalogue, graph, workflow } from './document'
import { valueAt } from './plan'
import { useRun } from './run'

const VIEW = 'tokens'
const NONE: string[] = []

/** The pieces of text by position, of the nearest value upstream that can list its tokens; none if there is no such. */
export function useWords(path: Path, socket: string): string[] {
  const address = useRun((state) => {
    const from = nearest(path, socket)
    const found = from && valueAt(state.plan, workflow(), graph(), from.path, from.socket, state)
    return found && 'key' in found && (found.kept || state.made.has(found.key)) ? viewAddress(found.key, found.output, VIEW, {}, 'json') : ''
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
  return text < 0 ? NONE : rows.map((row) => String(row[text]))
}

/** Upstream, breadth first, the first value of a type that has a table of tokens. */
function nearest(path: Path, socket: string): { path: Path; socket: string } | undefined {
  const { wires, kinds } = graph()
  const seen = new Set<Path>()
  const pending = [{ path, socket }]
  for (const end of pending) {
    const views = catalogue().types[kinds.get(`${end.path}|${end.socket}`) ?? '']?.views ?? []
    if (views.some(({ name, shows }) => name === VIEW && shows === 'table')) return end
    if (seen.has(end.path)) continue
    seen.add(end.path)
    for (const wire of wires) if (wire.to === end.path) pending.push({ path: wire.from, socket: wire.output })
  }
  return undefined
}
