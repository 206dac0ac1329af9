import { create } from 'zustand'
import { toast } from '../fields/toasts'
import type { Catalogue } from '../server/types'
import { push, redone, started, undone, type History } from '../workflow/history'
import { reasonText, type Outcome } from '../workflow/reasons'
import { graphOf, type Graph } from '../workflow/graph'
import { withLayout } from '../workflow/arrange'
import type { Path, Workflow } from '../workflow/types'
import { sizer } from '../graph/sizes'

/** What a document is called, and what it was when it was last saved or opened. */
export interface About {
  /** The name it is saved by, or empty. */
  name: string
  /** The version that was read, for saving; null for one that is not saved. */
  version: string | null
  /** The shipped workflow it began as, or empty. */
  template: string
  saved: Workflow
}

interface Editor {
  catalogue: Catalogue
  about: About
  history: History
  selected: ReadonlySet<Path>
  /** The document that another was opened in place of, if it had changes that were not saved. */
  replaced: Pick<Editor, 'about' | 'history'> | null
}

const EMPTY: Workflow = { diffuscope: 1, nodes: {} }

/** The open document. */
export const useEditor = create<Editor>(() => ({
  catalogue: { nodes: [], builtins: [], types: {}, categories: {} },
  about: { name: '', version: null, template: '', saved: EMPTY },
  history: started(EMPTY),
  selected: new Set(),
  replaced: null,
}))

export function workflow(): Workflow {
  return useEditor.getState().history.present
}

export function catalogue(): Catalogue {
  return useEditor.getState().catalogue
}

export const useWorkflow = <T>(pick: (workflow: Workflow) => T): T => useEditor((state) => pick(state.history.present))

/** The wires of the open document. */
export function graph(): Graph {
  return graphOf(workflow(), catalogue())
}

/**
 * Change the document. An edit that is refused is told in a line and changes nothing.
 *
 * @param merge changes of the same name one after another are undone together: a word that is typed, a drag.
 */
export function edit(change: (workflow: Workflow) => Workflow | Outcome, merge?: string): boolean {
  const found = change(workflow())
  if ('reason' in found) {
    toast(reasonText(found.reason, catalogue()), { kind: 'bad' })
    return false
  }
  const changed = 'workflow' in found ? found.workflow : found
  if (changed !== workflow()) useEditor.setState(({ history }) => ({ history: push(history, changed, merge) }))
  return true
}

export function undo(): void {
  useEditor.setState(({ history }) => ({ history: undone(history) }))
}

export function redo(): void {
  useEditor.setState(({ history }) => ({ history: redone(history) }))
}

export function select(paths: Iterable<Path>): void {
  useEditor.setState({ selected: new Set(paths) })
}

/** Open a document in place of the one that is there; what has no place on the canvas yet is arranged. */
export function open(opened: Workflow, about: Partial<About> = {}): void {
  const placed = withLayout(opened, sizer(opened, catalogue()))
  useEditor.setState((before) => ({
    about: { name: '', version: null, template: '', saved: placed, ...about },
    history: started(placed),
    selected: new Set(),
    replaced: isChanged(before) ? { about: before.about, history: before.history } : before.replaced,
  }))
}

/** Go back to the document that was replaced, with all that can be undone in it; this one takes its place. */
export function back(): void {
  useEditor.setState(({ about, history, replaced }) => (replaced ? { ...replaced, selected: new Set(), replaced: { about, history } } : {}))
}

export function isChanged({ about, history }: Editor): boolean {
  return history.present !== about.saved
}
