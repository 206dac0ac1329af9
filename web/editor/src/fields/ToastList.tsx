import './fields.css'
import { useEffect, useState } from 'react'
import { CloseIcon } from './icons'
import { t } from './texts'
import { closeToast, useToasts, type Toast } from './toasts'

const SHOWN = 6000

/** Where toasts are said; once in the page. */
export function Toasts() {
  const say = t()
  const toasts = useToasts((state) => state.toasts)
  return (
    <div className="fields-toasts" role="region" aria-label={say('notices')} aria-live="polite">
      {toasts.map((one) => <Notice key={one.id} {...one} />)}
    </div>
  )
}

/** It does not go away under the pointer, nor while it has the focus. */
function Notice({ id, message, kind, action }: Toast) {
  const say = t()
  const [held, setHeld] = useState(false)

  useEffect(() => {
    if (held || kind === 'bad') return
    const timer = setTimeout(() => closeToast(id), SHOWN)
    return () => clearTimeout(timer)
  }, [held, id, kind])

  return (
    <div
      className={`panel row fields-toast fields-${kind}`} onPointerEnter={() => setHeld(true)} onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)} onBlur={() => setHeld(false)}
    >
      <span className="grow">{message}</span>
      {action && (
        <button
          type="button" onClick={() => {
            closeToast(id)
            action.run()
          }}
        >
          {action.label}
        </button>
      )}
      <button type="button" className="icon plain" aria-label={say('close')} title={say('close')} onClick={() => closeToast(id)}><CloseIcon /></button>
    </div>
  )
}
