import { Modal } from './Modal'
import { t } from './texts'

interface Props {
  name: string
  /** Open what is saved, and drop one's own changes. */
  onReload: () => void
  /** Save over it all the same. */
  onReplace: () => void
  onSaveAs: () => void
  onClose: () => void
}

/** A workflow was saved by somebody else since it was opened: what is to become of one's own changes. */
export function ConflictDialog({ name, onReload, onReplace, onSaveAs, onClose }: Props) {
  const say = t()
  const choices = [
    ['keepBoth', 'keepBothHelp', onSaveAs],
    ['reload', 'reloadHelp', onReload],
    ['replaceMine', 'replaceMineHelp', onReplace],
  ] as const
  return (
    <Modal title={say('conflict', { name })} className="files-small" onClose={onClose}>
      <div className="column files-form">
        <p>{say('conflictHelp')}</p>
        {choices.map(([label, help, choose]) => (
          <button key={label} type="button" className="files-choice" onClick={choose}>
            <strong>{say(label)}</strong>
            <span className="soft">{say(help)}</span>
          </button>
        ))}
        <div className="row files-end"><button type="button" onClick={onClose}>{say('cancel')}</button></div>
      </div>
    </Modal>
  )
}
