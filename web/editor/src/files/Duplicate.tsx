import { useState } from 'react'
import { escapes } from './Ask'
import { nameFault, nameFor, tidied } from './name'
import { NameField } from './NameField'
import { t } from './texts'

interface Props {
  of: string
  onDuplicate: (name: string) => void
  onLeave: () => void
}

/** Asks, in place, what the copy of a workflow is to be called. */
export function Duplicate({ of, onDuplicate, onLeave }: Props) {
  const say = t()
  const [name, setName] = useState(() => nameFor(t.now('copyOf', { name: of })))
  const fault = nameFault(tidied(name))
  return (
    <form
      className="row files-ask"
      onKeyDown={(event) => escapes(event, onLeave)}
      onSubmit={(event) => {
        event.preventDefault()
        if (!fault) onDuplicate(tidied(name))
      }}
    >
      <div className="grow"><NameField label={say('duplicateAs')} name={name} onName={setName} /></div>
      <button type="button" onClick={onLeave}>{say('cancel')}</button>
      <button type="submit" className="primary" disabled={fault !== ''}>{say('duplicate')}</button>
    </form>
  )
}
