import { useFocus } from './Modal'
import { t } from './texts'

interface Props {
  question: string
  onDelete: () => void
  onKeep: () => void
}

/** Asks, in place, before something is deleted. */
export function Ask({ question, onDelete, onKeep }: Props) {
  const say = t()
  const keep = useFocus<HTMLButtonElement>()
  return (
    <div className="row files-ask" role="group" aria-label={question} onKeyDown={(event) => escapes(event, onKeep)}>
      <span className="grow">{question}</span>
      <button ref={keep} type="button" onClick={onKeep}>{say('keep')}</button>
      <button type="button" className="files-delete" onClick={onDelete}>{say('delete')}</button>
    </div>
  )
}

/** Lets Escape leave a part of a dialog and not the dialog. */
export function escapes(event: React.KeyboardEvent, leave: () => void): void {
  if (event.key !== 'Escape' || event.nativeEvent.isComposing) return
  event.preventDefault()
  event.stopPropagation()
  leave()
}
