import { Over } from '../fields/Over'
import { edit, useWorkflow } from '../state/document'
import { setDescription, setNote } from '../workflow/edit'
import { nodeAt } from '../workflow/scopes'
import { useMenus, WHOLE } from './menu'
import { t } from './texts'

/** A longer text, written over the page: the note of a node, or what the whole workflow is for. */
export function Writing() {
  const say = t()
  const path = useMenus((state) => state.writing)
  const text = useWorkflow((workflow) => (path === null ? '' : path === WHOLE ? workflow.description : nodeAt(workflow, path)?.note) ?? '')
  if (path === null) return null
  const label = path === WHOLE ? say('description') : say('noteOf', { name: path })
  const close = () => useMenus.setState({ writing: null })
  return (
    <Over label={label} className="graph-writing" onClose={close}>
      <div className="column">
        <h2>{label}</h2>
        <textarea
          autoFocus rows={6} aria-label={label} value={text}
          onChange={({ target }) => edit((workflow) => (path === WHOLE ? setDescription(workflow, target.value) : setNote(workflow, path, target.value)), `${path}.text`)}
        />
        <div className="row"><span className="grow" /><button className="primary" onClick={close}>{say('done')}</button></div>
      </div>
    </Over>
  )
}
