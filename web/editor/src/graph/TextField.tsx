import { useState } from 'react'
import { flushSync } from 'react-dom'

interface Props {
  label: string
  value: string
  onChange: (value: string) => boolean | void
  className?: string
  placeholder?: string
}

/** A line of text that is applied when it is left or by Enter; Escape leaves too, and, as a text that does not fit, brings the old back. */
export function TextField({ label, value, onChange, className = '', placeholder }: Props) {
  const [draft, setDraft] = useState<string | null>(null)
  return (
    <input
      className={`graph-text nodrag ${className}`}
      aria-label={label}
      placeholder={placeholder}
      value={draft ?? value}
      onChange={(event) => setDraft(event.target.value)}
      onBlur={() => {
        if (draft !== null && draft !== value) onChange(draft)
        setDraft(null)
      }}
      onKeyDown={(event) => {
        if (event.nativeEvent.isComposing) return
        if (event.key === 'Escape') flushSync(() => setDraft(null))
        if (event.key === 'Enter' || event.key === 'Escape') event.currentTarget.blur()
        event.stopPropagation()
      }}
    />
  )
}
