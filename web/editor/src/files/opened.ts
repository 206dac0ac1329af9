import type { Recipe } from '../server/types'
import type { Workflow } from '../workflow/types'

/** A workflow that was opened, and where it came from. */
export interface Opened {
  workflow: Workflow
  /** The name it is saved by, or empty. */
  name: string
  /** The version that was read; null for one that is not saved. */
  version: string | null
  /** The shipped workflow that it is, or empty. */
  template: string
  /** Inputs that had many values when the picture was made. */
  sweeps?: Recipe['sweeps']
}

/** One that is saved nowhere yet. */
export function unsaved({ workflow, sweeps }: Pick<Recipe, 'workflow' | 'sweeps'>): Opened {
  return { workflow, name: '', version: null, template: '', sweeps }
}
