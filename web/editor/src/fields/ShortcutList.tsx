import { CloseIcon } from './icons'
import { Keys } from './Keys'
import { Over } from './Over'
import { t } from './texts'

export interface ShortcutGroup {
  title: string
  /** `keys` as for `Keys`. */
  rows: { keys: string[]; does: string }[]
}

/** All shortcuts, in a dialog. */
export function ShortcutList({ groups, onClose }: { groups: ShortcutGroup[]; onClose: () => void }) {
  const say = t()
  return (
    <Over label={say('shortcuts')} className="fields-shortcuts" onClose={onClose}>
      <div className="fields-inside">
        <header className="row">
          <h2 className="grow">{say('shortcuts')}</h2>
          <button type="button" className="icon plain" aria-label={say('close')} title={say('close')} onClick={onClose}><CloseIcon /></button>
        </header>
        {/* It scrolls, and so it must be reachable by keyboard. */}
        <div className="fields-groups" tabIndex={0} role="region" aria-label={say('shortcuts')}>
          {groups.map(({ title, rows }) => (
            <section key={title}>
              <h3>{title}</h3>
              <dl>
                {rows.map(({ keys, does }) => (
                  <div key={does}>
                    <dt><Keys keys={keys} /></dt>
                    <dd>{does}</dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
        </div>
      </div>
    </Over>
  )
}
