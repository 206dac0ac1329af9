import { Fragment, useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from 'react'
import { flushSync } from 'react-dom'
import { index, search, type PaletteItem } from './match'
import { Over } from './Over'
import { t } from './texts'

export type { PaletteItem } from './match'

interface Props {
  items: PaletteItem[]
  /** Called once the palette is closed and the focus is back. */
  onPick: (item: PaletteItem) => void
  onClose: () => void
  placeholder: string
  /** In the window; the middle without it. */
  at?: { x: number; y: number } | undefined
}

/** A box to find one of many by name: those in their groups, or what fits the words best first. */
export function Palette({ items, onPick, onClose, placeholder, at }: Props) {
  const say = t()
  const id = useId()
  const [query, setQuery] = useState('')
  const [active, setActive] = useState(0)
  const list = useRef<HTMLUListElement>(null)
  const indexed = useMemo(() => index(items), [items])
  const grouped = query.trim() === ''
  const found = useMemo(() => {
    const all = search(indexed, query)
    return grouped ? [...new Set(all.map((item) => item.group))].flatMap((group) => all.filter((item) => item.group === group)) : all
  }, [indexed, query, grouped])
  const chosen = found[active]

  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' })
  }, [active, found])

  function pick(item: PaletteItem | undefined) {
    if (!item) return
    flushSync(onClose)
    onPick(item)
  }

  function move(event: KeyboardEvent) {
    if (event.nativeEvent.isComposing) return
    const last = found.length - 1
    const to: Record<string, number> = {
      ArrowDown: active < last ? active + 1 : 0, ArrowUp: active > 0 ? active - 1 : last, Home: 0, End: last,
      PageDown: Math.min(last, active + 8), PageUp: Math.max(0, active - 8),
    }
    if (event.key === 'Enter') pick(chosen)
    else if (to[event.key] === undefined) return
    else setActive(Math.max(0, to[event.key] ?? 0))
    event.preventDefault()
  }

  const option = (item: PaletteItem, at: number) => (
    <li
      key={item.id} id={`${id}${at}`} role="option" aria-selected={at === active} className="fields-option"
      onPointerMove={() => at !== active && setActive(at)} onPointerDown={(event) => event.preventDefault()} onClick={() => pick(item)}
    >
      {item.colour && <i className="fields-dot" style={{ background: item.colour }} />}
      <span className="grow cut">{item.label}</span>
      {!grouped && <span className="fields-of soft cut">{item.group}</span>}
    </li>
  )

  return (
    <Over label={placeholder} className="fields-palette" at={at} onClose={onClose}>
      <div className="fields-inside">
        <input
          type="text" role="combobox" aria-expanded="true" aria-controls={`${id}list`} aria-autocomplete="list" aria-label={placeholder}
          aria-activedescendant={chosen && `${id}${active}`} placeholder={placeholder} autoComplete="off" spellCheck={false}
          value={query} onKeyDown={move}
          onChange={(event) => {
            setQuery(event.target.value)
            setActive(0)
            list.current?.scrollTo(0, 0)
          }}
        />
        <ul ref={list} id={`${id}list`} role="listbox" aria-label={placeholder} className="fields-list">
          {found.map((item, at) => (
            <Fragment key={item.id}>
              {grouped && item.group !== found[at - 1]?.group && <li role="presentation" className="fields-group soft">{item.group}</li>}
              {option(item, at)}
            </Fragment>
          ))}
        </ul>
        <p className="fields-detail soft">{chosen ? chosen.detail : say('nothing')}</p>
        <span className="hidden" role="status">{grouped ? '' : say('found', { count: found.length })}</span>
      </div>
    </Over>
  )
}
