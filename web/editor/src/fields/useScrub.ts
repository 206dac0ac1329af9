import { useRef, type PointerEvent } from 'react'

interface Scrub {
  disabled: boolean
  /** Told once the pointer has left the spot. */
  onStart: () => void
  /** How far it is from there, in pixels; with Shift a tenth of the way counts. */
  onMove: (pixels: number, fine: boolean) => void
  /** Told where it was a click after all. */
  onClick: () => void
}

/** Changing a value by dragging sideways: handlers for what is dragged. A field that has the focus selects text instead. */
export function useScrub({ disabled, onStart, onMove, onClick }: Scrub) {
  const drag = useRef({ held: false, x: 0, pixels: 0, started: false })
  const end = (event: PointerEvent<HTMLElement>) => {
    const { held, started } = drag.current
    drag.current.held = false
    if (held && !started && event.type === 'pointerup') onClick()
  }
  return {
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      if (disabled || event.button !== 0 || event.currentTarget === document.activeElement) return
      event.currentTarget.setPointerCapture(event.pointerId)
      drag.current = { held: true, x: event.clientX, pixels: 0, started: false }
    },
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      const at = drag.current
      if (!at.held) return
      at.pixels += (event.clientX - at.x) * (event.shiftKey ? 0.1 : 1)
      at.x = event.clientX
      if (!at.started && Math.abs(at.pixels) < 3) return
      if (!at.started) onStart()
      at.started = true
      onMove(at.pixels, event.shiftKey)
    },
    onPointerUp: end,
    onPointerCancel: end,
    // The focus, and the selection of text, wait until it is known to be a click.
    onMouseDown: (event: { preventDefault: () => void }) => {
      if (drag.current.held) event.preventDefault()
    },
    // A label gives its field the focus when it is let go.
    onClick: (event: { preventDefault: () => void }) => {
      if (drag.current.started) event.preventDefault()
    },
  }
}
