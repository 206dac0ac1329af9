import { useId } from 'react'
import { nameFault, tidied } from './name'
import { t } from './texts'
import { useFocus } from './Modal'

interface Props {
  label: string
  name: string
  onName: (name: string) => void
}

/** Where a workflow is named: selected from the start, with what is wrong with the name below it. */
export function NameField({ label, name, onName }: Props) {
  const say = t()
  const [field, help] = [useId(), useId()]
  const input = useFocus<HTMLInputElement>()
  const fault = nameFault(tidied(name))
  return (
    <div className="column files-name-field">
      <label htmlFor={field}>{label}</label>
      <input
        id={field} ref={input} value={name} spellCheck={false} autoComplete="off" aria-invalid={fault !== ''} aria-describedby={help}
        onFocus={(event) => event.currentTarget.select()} onChange={(event) => onName(event.target.value)}
      />
      <span id={help} role="status" className={fault && name ? 'fault' : 'soft'}>{(name && fault) || say('nameHelp')}</span>
    </div>
  )
}
