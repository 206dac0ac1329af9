import { Refused } from '../server/api'
import { t } from './texts'

/** What went wrong, in one line for a person. */
export function trouble(error: unknown): string {
  if (error instanceof Refused && error.status === 0) return t.now('noServer')
  return error instanceof Error ? error.message : String(error)
}
