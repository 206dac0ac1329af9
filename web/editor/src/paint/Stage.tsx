import {
  useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type CSSProperties, type KeyboardEvent, type PointerEvent, type RefObject,
} from 'react'
import { Layer, stripes } from './layer'
import { between, fill, middle, stamp, stroke, union, NOTHING, WHITE, whole, type Box, type Point } from './mask'
import type { Painting } from './painting'
import { Status } from './Status'
import { t } from './texts'
import type { Tool } from './tools'
import type { Seeing } from './useView'
import { toPicture, type View } from './view'

interface Props {
  painting: Painting
  picture: string
  tool: Tool
  size: number
  /** The mask alone, white on black. */
  only: boolean
  seeing: Seeing
}

/** What a pointer is doing; `by` is its id, and none for a rectangle that the keys began. */
type Deed =
  | { kind: 'stroke'; by: number; value: number; last: Point }
  | { kind: 'rectangle'; by: number | null; value: number; from: Point }
  | { kind: 'pan'; by: number; last: Point }
  | { kind: 'pinch'; by: null }

interface Cursor extends Point {
  /** Moved by the arrow keys, not by a pointer. */
  keyed: boolean
}

const ARROWS: Record<string, Point> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
}
/** Pixels of the picture that Shift with an arrow key goes. */
const STRIDE = 8
/** The smallest ring that shows where the brush is, in CSS pixels. */
const RING = 9
/** From one stripe of the tint to the next, in CSS pixels. */
const STRIPES = 12
const MIDDLE_BUTTON = 1
const RIGHT_BUTTON = 2
const PEN_ERASER = 5

/** The picture with the mask on it, where pointers and keys paint; below it where the cursor is and how much is painted. */
export function Stage({ painting, picture, tool, size, only, seeing }: Props) {
  const say = t()
  const stage = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const deed = useRef<Deed | null>(null)
  const touches = useRef(new Map<number, Point>())
  const space = useRef<'up' | 'down' | 'used'>('up')
  const [cursor, setCursor] = useState<Cursor | null>(null)
  const [frame, setFrame] = useState<Box | null>(null)
  const { mask } = painting
  const { view } = seeing

  useOverlay(canvas, painting, only, seeing)
  useRoom(stage, seeing)
  useEffect(() => stage.current?.focus(), [])
  // A button that went away or was disabled takes the focus with it, and then no key would arrive here.
  useEffect(() => {
    if (document.activeElement?.matches('body, :disabled')) stage.current?.focus()
  })

  const place = (event: { clientX: number; clientY: number }): Point => {
    const { left, top } = stage.current!.getBoundingClientRect()
    return { x: event.clientX - left, y: event.clientY - top }
  }

  const stop = () => {
    painting.drop()
    deed.current = null
    setFrame(null)
  }

  const fillFrame = (from: Point, to: Point, value: number) => {
    stop()
    painting.draw(() => fill(mask, between(from, to), value))
    painting.keep()
  }

  const down = (event: PointerEvent) => {
    const { pointerId: by, button } = event
    const at = place(event)
    stage.current!.setPointerCapture(by)
    if (event.pointerType === 'touch') {
      if (deed.current && deed.current.by !== null && !touches.current.has(deed.current.by)) return // the hand that holds the pen
      touches.current.set(by, at)
      if (touches.current.size > 1) {
        stop()
        deed.current = { kind: 'pinch', by: null }
        return
      }
    }
    if (deed.current?.by) return
    stop()
    const point = toPicture(view, at)
    const value = event.altKey || button === RIGHT_BUTTON || button === PEN_ERASER ? WHITE - tool.value : tool.value
    if (button === MIDDLE_BUTTON || space.current !== 'up') {
      space.current = space.current === 'up' ? 'up' : 'used'
      deed.current = { kind: 'pan', by, last: at }
    } else if (tool.shape === 'rectangle') {
      deed.current = { kind: 'rectangle', by, value, from: point }
      setFrame(between(point, point))
    } else {
      deed.current = { kind: 'stroke', by, value, last: point }
      painting.draw(() => stamp(mask, point, size, value))
    }
    setCursor({ ...point, keyed: false })
  }

  const move = (event: PointerEvent) => {
    const at = place(event)
    const now = deed.current
    if (now?.kind === 'pinch') return pinch(event.pointerId, at)
    const point = toPicture(view, at)
    if (event.pointerType !== 'touch' || now?.by === event.pointerId) setCursor({ ...point, keyed: false })
    if (now?.by !== event.pointerId) return
    if (now.kind === 'pan') {
      seeing.move({ x: at.x - now.last.x, y: at.y - now.last.y })
      now.last = at
    } else if (now.kind === 'rectangle') {
      setFrame(between(now.from, point))
    } else {
      const events = event.nativeEvent.getCoalescedEvents()
      const points = events.length ? events.map((each) => toPicture(view, place(each))) : [point]
      painting.draw(() => {
        let box = NOTHING
        for (const next of points) {
          box = union(box, stroke(mask, now.last, next, size, now.value))
          now.last = next
        }
        return box
      })
    }
  }

  const pinch = (id: number, at: Point) => {
    const spread = () => {
      const [a, b] = [...touches.current.values()]
      return a && b ? { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, length: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) } : null
    }
    if (!touches.current.has(id)) return
    const before = spread()
    touches.current.set(id, at)
    const after = spread()
    if (!before || !after) return
    seeing.move({ x: after.x - before.x, y: after.y - before.y })
    seeing.zoom(after.length / before.length, after)
  }

  const up = (event: PointerEvent) => {
    touches.current.delete(event.pointerId)
    const now = deed.current
    if (now?.kind === 'pinch' && !touches.current.size) deed.current = null
    if (now?.by !== event.pointerId) return
    if (now.kind === 'rectangle') return fillFrame(now.from, toPicture(view, place(event)), now.value)
    painting.keep()
    deed.current = null
  }

  const cancel = (event: PointerEvent) => {
    touches.current.delete(event.pointerId)
    if (deed.current?.by === event.pointerId || !touches.current.size) stop()
  }

  /** Paint at the cursor that the keys move. */
  const press = () => {
    const at = cursor ?? centre(painting)
    const now = deed.current
    setCursor({ ...at, keyed: true })
    if (now?.kind === 'rectangle' && now.by === null) return fillFrame(now.from, at, now.value)
    if (now) return
    if (tool.shape === 'rectangle') {
      deed.current = { kind: 'rectangle', by: null, value: tool.value, from: at }
      setFrame(between(at, at))
    } else {
      painting.draw(() => stamp(mask, at, size, tool.value))
      painting.keep()
    }
  }

  const keyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing || event.ctrlKey || event.metaKey || event.altKey) return
    const arrow = ARROWS[event.key]
    if (arrow) {
      const from = cursor ?? centre(painting)
      const step = event.shiftKey ? STRIDE : 1
      const to = { x: along(from.x + arrow.x * step, mask.width), y: along(from.y + arrow.y * step, mask.height) }
      if (deed.current?.by) return
      setCursor({ ...to, keyed: true })
      seeing.reveal(to)
      if (deed.current?.kind === 'rectangle') setFrame(between(deed.current.from, to))
    } else if (event.key === ' ') {
      if (space.current === 'up') space.current = 'down'
    } else if (event.key === 'Enter') {
      press()
    } else if (event.key === 'Escape' && deed.current) {
      stop()
      event.stopPropagation()
    } else {
      return
    }
    event.preventDefault()
  }

  const keyUp = (event: KeyboardEvent) => {
    if (event.key !== ' ') return
    // Space pans when a pointer is dragged meanwhile; it paints where the keys last had the cursor, or where none is.
    if (space.current === 'down' && (!cursor || cursor.keyed)) press()
    space.current = 'up'
  }

  const length = tool.shape === 'rectangle' ? 1 : size
  return (
    <>
      <div
        ref={stage} className="paint-stage" role="application" tabIndex={0} aria-label={say('stage')} aria-describedby="paint-keys"
        onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerCancel={cancel}
        onPointerLeave={() => setCursor((now) => (now?.keyed || deed.current ? now : null))}
        onContextMenu={(event) => event.preventDefault()}
        onKeyDown={keyDown} onKeyUp={keyUp} onBlur={() => (space.current = 'up')}
      >
        <img
          src={picture} alt="" draggable={false} className={view.scale >= 1 ? 'paint-picture pixels' : 'paint-picture'}
          style={{ width: mask.width, height: mask.height, transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` }}
        />
        <canvas ref={canvas} className={only ? 'paint-overlay' : 'paint-overlay paint-tint'} aria-hidden="true" />
        {frame && <div className="paint-frame" style={onStage(view, frame)} />}
        {cursor && <div className={ringClass(cursor, tool)} style={ring(view, middle(cursor, length), length)} />}
      </div>
      <p id="paint-keys" className="hidden">{say('keys')}</p>
      <Status painting={painting} cursor={cursor} frame={frame} />
    </>
  )
}

const along = (at: number, length: number) => Math.floor(Math.min(length - 1, Math.max(0, at))) + 0.5

const centre = ({ mask }: Painting): Point => ({ x: along(mask.width / 2, mask.width), y: along(mask.height / 2, mask.height) })

const ringClass = ({ keyed }: Cursor, tool: Tool) =>
  `paint-ring ${tool.shape === 'disc' ? 'paint-round' : ''} ${keyed ? 'paint-keyed' : ''}`

const onStage = (view: View, box: Box): CSSProperties => ({
  left: box.left * view.scale + view.x,
  top: box.top * view.scale + view.y,
  width: (box.right - box.left) * view.scale,
  height: (box.bottom - box.top) * view.scale,
})

function ring(view: View, { x, y }: Point, length: number): CSSProperties {
  const half = Math.max(length, RING / view.scale) / 2
  return onStage(view, { left: x - half, top: y - half, right: x + half, bottom: y + half })
}

/** Keep the canvas over the picture as the mask is: all of it for another view, else only the box that changed. */
function useOverlay(canvas: RefObject<HTMLCanvasElement | null>, painting: Painting, only: boolean, { view, room }: Seeing) {
  const layer = useMemo(() => new Layer(painting.mask), [painting])
  const ink = useRef<CanvasPattern | null>(null)
  const show = useCallback((box: Box) => {
    const ratio = devicePixelRatio
    const seen = { scale: view.scale * ratio, x: view.x * ratio, y: view.y * ratio }
    layer.show(canvas.current!.getContext('2d')!, seen, ink.current, box)
  }, [canvas, layer, view])

  useLayoutEffect(() => {
    const element = canvas.current!
    const style = getComputedStyle(element)
    element.width = Math.round(room.width * devicePixelRatio)
    element.height = Math.round(room.height * devicePixelRatio)
    const side = Math.round(STRIPES * devicePixelRatio)
    ink.current = only ? null : stripes(side, style.getPropertyValue('--accent'), style.getPropertyValue('--on-accent'))
    show(whole(painting.mask))
  }, [canvas, painting, only, room, show])

  useLayoutEffect(() => painting.listen((box) => {
    layer.update(box)
    show(box)
  }), [painting, layer, show])
}

/** Tell how large the stage is, and zoom with the wheel. */
function useRoom(stage: RefObject<HTMLDivElement | null>, { setRoom, zoom }: Seeing) {
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => entry && setRoom(entry.contentRect))
    observer.observe(stage.current!)
    return () => observer.disconnect()
  }, [stage, setRoom])

  useEffect(() => {
    const element = stage.current!
    // Not through React, which listens passively: the page behind must not scroll or zoom.
    const wheel = (event: WheelEvent) => {
      event.preventDefault()
      const { left, top } = element.getBoundingClientRect()
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1
      // A pinch on a touchpad comes as a wheel with Ctrl and small numbers.
      const factor = Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015))
      zoom(factor, { x: event.clientX - left, y: event.clientY - top })
    }
    element.addEventListener('wheel', wheel, { passive: false })
    return () => element.removeEventListener('wheel', wheel)
  }, [stage, zoom])
}
