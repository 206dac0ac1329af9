import { useRef, type KeyboardEvent } from 'react'
import { flushSync } from 'react-dom'
import { Keys } from './Keys'
import { Over } from './Over'
import { t } from './texts'

export interface MenuAction {
  label: string
  /** Called once the menu is closed and the focus is back. */
  run: () => void
  /** The shortcut, as for `Keys`. */
  keys?: string[] | undefined
  /** Why it cannot be done now. */
  disabled?: string | false | undefined
  /** It takes something away. */
  bad?: boolean | undefined
}

/** A line between is a `null`. */
export type MenuItem = MenuAction | null

interface Props {
  items: MenuItem[]
  at: { x: number; y: number }
  onClose: () => void
  label?: string | undefined
}

/** A context menu. */
export function Menu({ items, at, onClose, label }: Props) {
  const say = t()
  const list = useRef<HTMLUListElement>(null)

  function move(event: KeyboardEvent) {
    if (event.key === 'Tab') {
      event.preventDefault()
      return onClose()
    }
    const actions = [...(list.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])]
    const now = actions.findIndex((action) => action === document.activeElement)
    const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: -1 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    actions.at(to % actions.length)?.focus()
  }

  function run(action: MenuAction) {
    if (action.disabled) return
    flushSync(onClose)
    action.run()
  }

  return (
    <Over label={label ?? say('menu')} className="fields-menu" at={at} onClose={onClose}>
      <ul ref={list} role="menu" aria-label={label ?? say('menu')} className="fields-inside" onKeyDown={move}>
        {items.map((item, at) =>
          item === null ? <li key={at} role="separator" /> : (
            <li key={at} role="none">
              <button
                type="button" role="menuitem" tabIndex={-1} className={item.bad ? 'fault' : undefined} aria-disabled={Boolean(item.disabled)}
                onPointerMove={(event) => event.currentTarget.focus()} onClick={() => run(item)}
              >
                <span className="grow">
                  {item.label}
                  {item.disabled && <small className="fields-why">{item.disabled}</small>}
                </span>
                {item.keys && <Keys keys={item.keys} />}
              </button>
            </li>
          ))}
      </ul>
    </Over>
  )
}
