import { useEffect, useLayoutEffect, useRef, useState, type CSSProperties, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react'
import { Icon } from './icons'
import { t } from './texts'
import { fitted, settled, zoomed, type Size, type Zoom } from './zoom'

interface Props {
  /** Of what is shown, once it is known. */
  size: Size | null
  title: string
  /** `content`: as high as the picture at the frame's width asks for. `fill`: as high as the frame's parent lets it be. */
  height: 'content' | 'fill'
  /** What is shown; `place` puts a picture of `size` where it belongs. */
  children: (place: CSSProperties) => ReactNode
  /** Beside the buttons for zooming. */
  actions?: ReactNode
}

const TALLEST = 440
const SHORTEST = 96
const BORDERS = 2
const STEP = 1.5
const MOVE = 40

/** A frame in which a picture is zoomed and moved: by wheel, pinch and drag, by buttons, by keys. A double click fits it. */
export function ZoomFrame({ size, title, height, children, actions }: Props) {
  const say = t()
  const ref = useRef<HTMLDivElement>(null)
  const [frame, setFrame] = useState<Size>({ width: 0, height: 0 })
  /** null: fitted, and it stays so when the frame changes. */
  const [chosen, setChosen] = useState<Zoom | null>(null)
  const pointers = useRef(new Map<number, { x: number; y: number }>())

  useLayoutEffect(() => {
    const element = ref.current
    if (!element) return
    const measure = () => setFrame({ width: element.clientWidth, height: element.clientHeight })
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  useEffect(() => setChosen(null), [size?.width, size?.height])

  const shown = size && frame.width > 0 && frame.height > 0 ? (chosen ? settled(chosen, size, frame) : fitted(size, frame)) : null
  const middle = { x: frame.width / 2, y: frame.height / 2 }
  const zoomBy = (factor: number, at = middle) =>
    size && setChosen((now) => zoomed(now ? settled(now, size, frame) : fitted(size, frame), factor, at, size, frame))
  const moveBy = (x: number, y: number) =>
    size && setChosen((now) => now && settled({ ...now, x: now.x + x, y: now.y + y }, size, frame))

  // React's own wheel listeners are passive: the page would scroll along.
  const wheel = useRef<(event: WheelEvent) => void>(() => {})
  wheel.current = (event) => {
    if (!size) return
    event.preventDefault()
    const box = ref.current!.getBoundingClientRect()
    zoomBy(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), { x: event.clientX - box.left, y: event.clientY - box.top })
  }
  useEffect(() => {
    const element = ref.current
    const listen = (event: WheelEvent) => wheel.current(event)
    element?.addEventListener('wheel', listen, { passive: false })
    return () => element?.removeEventListener('wheel', listen)
  }, [])

  const drag = (event: PointerEvent<HTMLDivElement>) => {
    const before = pointers.current.get(event.pointerId)
    if (!before) return
    const box = event.currentTarget.getBoundingClientRect()
    const now = { x: event.clientX - box.left, y: event.clientY - box.top }
    const other = [...pointers.current].find(([id]) => id !== event.pointerId)?.[1]
    pointers.current.set(event.pointerId, now)
    if (!other) return moveBy(now.x - before.x, now.y - before.y)
    const apart = (one: typeof now) => Math.max(1, Math.hypot(one.x - other.x, one.y - other.y))
    zoomBy(apart(now) / apart(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 })
  }
  const hold = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect()
    event.currentTarget.setPointerCapture(event.pointerId)
    pointers.current.set(event.pointerId, { x: event.clientX - box.left, y: event.clientY - box.top })
  }
  const letGo = (event: PointerEvent<HTMLDivElement>) => pointers.current.delete(event.pointerId)

  const oneToOne = () => shown && zoomBy(1 / shown.scale)
  const keys: Record<string, () => unknown> = {
    '+': () => zoomBy(STEP), '=': () => zoomBy(STEP), '-': () => zoomBy(1 / STEP), 0: () => setChosen(null), 1: oneToOne,
    ArrowLeft: () => moveBy(MOVE, 0), ArrowRight: () => moveBy(-MOVE, 0), ArrowUp: () => moveBy(0, MOVE), ArrowDown: () => moveBy(0, -MOVE),
  }
  const press = (event: KeyboardEvent<HTMLDivElement>) => {
    const does = keys[event.key]
    if (!does || event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    event.stopPropagation()
    does()
  }

  const place: CSSProperties = size && shown
    ? {
        width: size.width,
        height: size.height,
        transform: `translate(${shown.x}px, ${shown.y}px) scale(${shown.scale})`,
        imageRendering: shown.scale > 1 ? 'pixelated' : 'auto',
      }
    : { visibility: 'hidden' }
  const asked = size && frame.width ? fitted(size, { width: frame.width, height: TALLEST }).scale * size.height : 180
  return (
    <div className={`look-zoom look-${height}`}>
      <div
        ref={ref} className="look-frame" tabIndex={0} role="group" aria-label={say('zoomKeys', { title })} onKeyDown={press}
        onPointerDown={hold} onPointerMove={drag} onPointerUp={letGo} onPointerCancel={letGo} onDoubleClick={() => setChosen(null)}
        style={{ touchAction: chosen ? 'none' : 'pan-y', ...(height === 'content' ? { height: Math.max(SHORTEST, Math.round(asked)) + BORDERS } : {}) }}
      >
        {children(place)}
      </div>
      <div className="row look-tools">
        <button type="button" className="plain icon" aria-label={say('zoomOut')} onClick={() => zoomBy(1 / STEP)}><Icon of="minus" /></button>
        <span className="soft look-scale">{shown ? `${Math.round(shown.scale * 100)} %` : ''}</span>
        <button type="button" className="plain icon" aria-label={say('zoomIn')} onClick={() => zoomBy(STEP)}><Icon of="plus" /></button>
        <button type="button" className="plain icon" aria-label={say('fit')} aria-pressed={!chosen} onClick={() => setChosen(null)}>
          <Icon of="fit" />
        </button>
        <button type="button" className="plain" title={say('oneToOne')} onClick={oneToOne}>1:1</button>
        {actions && <span className="look-actions">{actions}</span>}
      </div>
    </div>
  )
}
