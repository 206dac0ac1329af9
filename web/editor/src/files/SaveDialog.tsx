import { useState } from 'react'
import { api, Refused } from '../server/api'
import { Modal } from './Modal'
import { nameFault, nameFor, tidied } from './name'
import { NameField } from './NameField'
import { t } from './texts'
import { useAttempt } from './useAttempt'
import { useLoaded } from './useLoaded'

interface Props {
  /** Its name, or its title if it has none yet. */
  name: string
  /** Saves it; `replace` if whatever is there by that name is to go. A `Refused` with 412 says that something is. */
  onSave: (name: string, replace: boolean) => Promise<void>
  onClose: () => void
}

/** Asks by which name a workflow is to be saved, and once more where that name is taken. */
export function SaveDialog({ name: nameAtFirst, onSave, onClose }: Props) {
  const say = t()
  const [text, setText] = useState(() => nameFor(nameAtFirst))
  const [found, setFound] = useState('')
  const { value } = useLoaded(api.workflows)
  const { busy, problem, attempt } = useAttempt()
  const name = tidied(text)
  const fault = nameFault(name)
  const taken = name !== '' && (name === found || (value?.saved.some((saved) => saved.name === name) ?? false))
  const save = () =>
    attempt(async () => {
      try {
        await onSave(name, taken)
      } catch (error) {
        if (!(error instanceof Refused && error.status === 412)) throw error
        setFound(name) // saved by somebody else just now
      }
    })
  return (
    <Modal title={say('saveAs')} className="files-small" onClose={onClose}>
      <form
        className="column files-form"
        onSubmit={(event) => {
          event.preventDefault()
          if (!fault) void save()
        }}
      >
        <NameField label={say('name')} name={text} onName={setText} />
        <p role="status" className="files-said">
          {problem ? <span className="fault">{problem}</span> : taken && <span className="files-warn">{say('taken', { name })}</span>}
        </p>
        <div className="row files-end">
          <button type="button" onClick={onClose}>{say('cancel')}</button>
          <button type="submit" className="primary" disabled={fault !== '' || busy}>{say(taken ? 'replaceIt' : 'save')}</button>
        </div>
      </form>
    </Modal>
  )
}
