import { afterEach, expect, test, vi } from 'vitest'
import type { Job, ServerEvent } from '../server/types'
import { merged, type Page } from './pages'
import { heard, useQueue } from './state'

const NOTHING = { running: 0, queued: 0, progress: {}, changed: 0 }
const progress = (job: string, done: number): ServerEvent => ({ event: 'progress', job, label: 'a', node: 'n', fraction: 0.5, done, of: 9, preview: null })

afterEach(() => vi.useRealTimers())

test('counts and progress follow the events', () => {
  const events: ServerEvent[] = [
    { event: 'queue', job: 'one', state: 'running', queued: 2, running: 1 },
    { event: 'planned', job: 'one', run: 9, cached: 0, unneeded: 0 },
    progress('one', 3),
  ]
  const state = heard(NOTHING, events)
  expect(state).toEqual({ running: 1, queued: 2, progress: { one: { done: 3, of: 9, fraction: 0.5, label: 'a' } } })
  const ended = heard({ ...state, changed: 0 }, [{ event: 'queue', job: 'one', state: 'done', queued: 2, running: 0 }])
  expect(ended).toEqual({ running: 0, queued: 2, progress: {} })
  expect(state.progress).toHaveProperty('one')
})

const page = (ids: string, next: string | null = null): Page => ({ jobs: [...ids].map((id) => ({ id }) as Job), next })
const ids = ({ jobs }: Page) => jobs.map(({ id }) => id).join('')

test('a newest page that is read again keeps the pages after it', () => {
  const found = merged(page('gfedc', 'c'), page('hgf', 'f'))
  expect(ids(found)).toBe('hgfedc')
  expect(found.next).toBe('c')
})

test('a newest page that has everything is everything', () => {
  expect(merged(page('gfedc', 'c'), page('gf'))).toEqual(page('gf'))
  expect(merged(page('gf', 'f'), page(''))).toEqual(page(''))
})

test('where there may be a gap, the list begins anew', () => {
  expect(merged(page('cba', null), page('hgf', 'f'))).toEqual(page('hgf', 'f'))
  expect(useQueue.getState().changed).toBe(0)
})
