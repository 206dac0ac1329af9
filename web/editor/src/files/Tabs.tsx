import { useRef } from 'react'

interface Props<N extends string> {
  names: readonly N[]
  chosen: N
  label: (name: N) => string
  onChoose: (name: N) => void
}

/** The tabs of the gallery; the arrow keys lead from one to the next. */
export function Tabs<N extends string>({ names, chosen, label, onChoose }: Props<N>) {
  const list = useRef<HTMLDivElement>(null)
  const go = (index: number) => {
    const name = names.at(index % names.length)
    if (name === undefined) return
    onChoose(name)
    list.current?.querySelector<HTMLElement>(`#files-tab-${name}`)?.focus()
  }
  const keys = (event: React.KeyboardEvent) => {
    const at = names.indexOf(chosen)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    go(to)
  }
  return (
    <div ref={list} role="tablist" className="row files-tabs" onKeyDown={keys}>
      {names.map((name) => (
        <button
          key={name} id={`files-tab-${name}`} type="button" role="tab" className="plain" aria-selected={name === chosen}
          aria-controls={name === chosen ? `files-panel-${name}` : undefined} tabIndex={name === chosen ? 0 : -1} onClick={() => onChoose(name)}
        >
          {label(name)}
        </button>
      ))}
    </div>
  )
}
