import type { Job } from '../server/types'

/** The jobs that were listed so far, newest first, and where the next page begins. */
export interface Page {
  jobs: Job[]
  next: string | null
}

/** What is known after the newest page was read again: it, and what was known to come after it. */
export function merged(before: Page | null, fresh: Page): Page {
  const [newest, oldest] = [before?.jobs[0], fresh.jobs.at(-1)]
  if (!before || !newest || !oldest || fresh.next === null || oldest.id > newest.id) return fresh // the last: there may be a gap between them
  const older = before.jobs.filter(({ id }) => id < oldest.id)
  return older.length > 0 ? { jobs: [...fresh.jobs, ...older], next: before.next } : fresh
}
