import { useEffect, useId, useLayoutEffect, useRef, type DialogHTMLAttributes } from 'react'
import { Icon } from './icons'
import { t } from './texts'
import './files.css'

interface Props extends Omit<DialogHTMLAttributes<HTMLDialogElement>, 'onClose' | 'title'> {
  title: string
  onClose: () => void
}

/** A dialog over everything, with a heading and a way out; Escape and a press beside it close it too. */
export function Modal({ title, onClose, className = '', children, ...rest }: Props) {
  const say = t()
  const heading = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  const top = useRef<HTMLHeadingElement>(null)
  const pressedBeside = useRef(false)
  useLayoutEffect(() => {
    const shown = dialog.current
    shown?.showModal()
    top.current?.focus() // from there one reads on; what is to be typed into takes it from here
    return () => shown?.close() // gives the focus back
  }, [])
  const beside = (event: React.PointerEvent | React.MouseEvent) => event.target === dialog.current
  return (
    <dialog
      {...rest}
      ref={dialog}
      className={`files-modal ${className}`}
      aria-labelledby={heading}
      onClose={() => dialog.current?.open || onClose()}
      onPointerDown={(event) => (pressedBeside.current = beside(event))}
      onClick={(event) => pressedBeside.current && beside(event) && onClose()}
    >
      <div className="files-inside">
        <header className="row files-head">
          <h2 id={heading} ref={top} tabIndex={-1} className="grow">{title}</h2>
          <button type="button" className="plain icon" aria-label={say('close')} onClick={onClose}><Icon of="close" /></button>
        </header>
        {children}
      </div>
    </dialog>
  )
}

/** Puts the focus on what it is given to when it appears, and back when it has gone. */
export function useFocus<E extends HTMLElement>() {
  const element = useRef<E>(null)
  const before = useRef<Element>(null)
  useLayoutEffect(() => void (before.current ??= document.activeElement), []) // while it has the focus still
  useEffect(() => {
    element.current?.focus()
    return () => void (before.current instanceof HTMLElement && before.current.focus())
  }, [])
  return element
}
