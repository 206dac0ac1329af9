import { write } from '../workflow/json'
import type { Workflow } from '../workflow/types'
import { nameFor } from './name'

/** Hand a workflow to the person as a JSON file, written as the server writes it. */
export function exportWorkflow(workflow: Workflow, name: string): void {
  const url = URL.createObjectURL(new Blob([`${write(workflow, 1)}\n`], { type: 'application/json' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `${nameFor(name) || 'workflow'}.json`
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000) // when the browser has long read it
}
