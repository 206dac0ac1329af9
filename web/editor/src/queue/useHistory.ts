import { useCallback, useEffect, useRef, useState } from 'react'
import { trouble } from '../files/trouble'
import { api } from '../server/api'
import { merged, type Page } from './pages'
import { useQueue } from './state'

const PAGE = 30
const MOST = 200

/** Jobs in one of these states with a text in their titles, newest first and kept up to date; `more` reads the next page. */
export function useHistory(state: string, text: string) {
  const [page, setPage] = useState<Page | null>(null)
  const [problem, setProblem] = useState('')
  const shown = useRef(0)
  const latest = useRef(0)
  useEffect(() => void (shown.current = page?.jobs.length ?? 0), [page])

  const read = useCallback(
    async (limit: number, take: (found: Page) => void, after?: string) => {
      try {
        take(await api.jobs({ state, limit: String(limit), ...(text ? { text } : {}), ...(after ? { after } : {}) }))
        setProblem('')
      } catch (error) {
        setProblem(trouble(error))
      }
    },
    [state, text],
  )

  const reload = useCallback(() => {
    const question = ++latest.current
    const limit = Math.min(Math.max(shown.current, PAGE), MOST)
    return read(limit, (found) => question === latest.current && setPage((before) => merged(before, found)))
  }, [read])

  useEffect(() => {
    void reload()
    return useQueue.subscribe((now, before) => void (now.changed !== before.changed && reload()))
  }, [reload])

  const more = () => {
    const after = page?.next
    if (!after) return
    const add = (before: Page | null, found: Page) => (before?.next === after ? { jobs: [...before.jobs, ...found.jobs], next: found.next } : before)
    return read(PAGE, (found) => setPage((before) => add(before, found)), after)
  }
  return { page, problem, reload, more }
}
