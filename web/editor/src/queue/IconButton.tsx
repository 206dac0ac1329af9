import type { ReactNode } from 'react'

interface Props {
  label: string
  /** Whether it can do nothing now; it keeps the focus all the same. */
  off?: boolean
  onPress: (button: HTMLButtonElement) => void
  children: ReactNode
}

/** A button that is a small picture. */
export function IconButton({ label, off = false, onPress, children }: Props) {
  return (
    <button
      type="button" className="plain icon" aria-label={label} title={label} aria-disabled={off}
      onClick={(event) => off || onPress(event.currentTarget)}
    >
      {children}
    </button>
  )
}
