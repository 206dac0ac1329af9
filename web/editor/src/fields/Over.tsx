import './fields.css'
import { useLayoutEffect, useRef, type ReactNode } from 'react'

interface Props {
  label: string
  className: string
  /** The corner, in the window, moved to where all of it is seen; the middle without one. */
  at?: { x: number; y: number } | undefined
  onClose: () => void
  children: ReactNode
}

/** Something over the page that has the keyboard until it is closed: by Escape, or a click beside it. The focus then returns. */
export function Over({ label, className, at, onClose, children }: Props) {
  const ref = useRef<HTMLDialogElement>(null)
  const pressedBeside = useRef(false)
  const { x, y } = at ?? {}

  useLayoutEffect(() => {
    const dialog = ref.current
    dialog?.showModal()
    return () => dialog?.close()
  }, [])

  useLayoutEffect(() => {
    const dialog = ref.current
    if (!dialog || x === undefined || y === undefined) return
    const { width, height } = dialog.getBoundingClientRect()
    dialog.style.left = `${Math.max(8, Math.min(x, innerWidth - width - 8))}px`
    dialog.style.top = `${Math.max(8, Math.min(y, innerHeight - height - 8))}px`
  }, [x, y])

  return (
    <dialog
      ref={ref} className={`${className} ${at ? 'fields-at' : ''}`} aria-label={label}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      // What is beside the content is the backdrop, which is the dialog too. A selection that ends there is no click on it.
      onPointerDown={(event) => {
        event.stopPropagation()
        pressedBeside.current = event.target === event.currentTarget
      }}
      onClick={(event) => {
        event.stopPropagation()
        if (pressedBeside.current && event.target === event.currentTarget) onClose()
      }}
      onContextMenu={(event) => {
        event.stopPropagation()
        if (event.target !== event.currentTarget) return
        event.preventDefault()
        onClose()
      }}
      // The editor's shortcuts wait until it is closed.
      onKeyDown={(event) => event.stopPropagation()}
    >
      {children}
    </dialog>
  )
}
