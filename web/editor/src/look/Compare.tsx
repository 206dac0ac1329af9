import { useEffect, useRef, useState, type CSSProperties, type KeyboardEvent, type PointerEvent } from 'react'
import { sourceAddress, type Source } from './address'
import { difference } from './difference'
import { Icon } from './icons'
import './look.css'
import { PictureLayer, Problem, usePicture } from './PictureLayer'
import { t } from './texts'
import { short } from './written'
import type { Size } from './zoom'
import { ZoomFrame } from './ZoomFrame'

interface Props {
  left: Source
  right: Source
  size?: 'small' | 'full'
}

/** Two pictures in one place, a divider between them; or how far they are apart. The right one is drawn at the left one's size. */
export function Compare({ left, right, size = 'full' }: Props) {
  const say = t()
  const [swapped, setSwapped] = useState(false)
  const [share, setShare] = useState(50)
  const [apart, setApart] = useState(false)
  const [gain, setGain] = useState(4)
  const [mean, setMean] = useState<number | null>(null)
  const [one, other] = swapped ? [right, left] : [left, right]
  const [oneTitle, otherTitle] = [one.title ?? say('left'), other.title ?? say('right')]
  const [oneAddress, otherAddress] = [sourceAddress(one), sourceAddress(other)]
  const first = usePicture(oneAddress)
  const second = usePicture(otherAddress)
  const problem = first.problem ?? second.problem

  return (
    <div className={`column look-compare look-${size}`}>
      {problem !== undefined && <Problem problem={problem} />}
      <ZoomFrame size={first.size} title={`${oneTitle} | ${otherTitle}`} height={size === 'full' ? 'fill' : 'content'}>
        {(place) => (
          <>
            <PictureLayer address={oneAddress} title={oneTitle} place={place} events={first.events} />
            <div className="look-over" style={{ clipPath: `inset(0 0 0 ${share}%)` }}>
              <PictureLayer address={otherAddress} title={otherTitle} place={place} events={second.events} />
            </div>
            {apart && first.size && second.size && (
              <Apart addresses={[oneAddress, otherAddress]} size={first.size} gain={gain} place={place} onMean={setMean} />
            )}
            {!apart && (
              <>
                <span className="look-tag look-first" aria-hidden="true">{oneTitle}</span>
                <span className="look-tag look-second" aria-hidden="true">{otherTitle}</span>
                <Divider share={share} onShare={setShare} />
              </>
            )}
          </>
        )}
      </ZoomFrame>
      <div className="row look-wrap">
        <button type="button" onClick={() => setSwapped(!swapped)}><Icon of="swap" />{say('swap')}</button>
        <button type="button" aria-pressed={apart} onClick={() => setApart(!apart)}><Icon of="difference" />{say('difference')}</button>
        {apart && (
          <>
            <label className="row look-gain">
              <span className="soft">{say('gain')}</span>
              <input type="range" min={1} max={32} value={gain} onChange={(event) => setGain(Number(event.target.value))} />
              <span className="soft">× {gain}</span>
            </label>
            {mean !== null && <span className="badge">{say('meanDifference', { mean: short(mean) })}</span>}
          </>
        )}
      </div>
    </div>
  )
}

/** The line between two pictures; it stays where it is in the frame while they are zoomed. */
function Divider({ share, onShare }: { share: number; onShare: (share: number) => void }) {
  const say = t()
  const limited = (to: number) => onShare(Math.round(Math.min(100, Math.max(0, to))))
  const hold = (event: PointerEvent<HTMLDivElement>) => {
    event.stopPropagation()
    event.currentTarget.setPointerCapture(event.pointerId)
  }
  const drag = (event: PointerEvent<HTMLDivElement>) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return
    const box = event.currentTarget.parentElement!.getBoundingClientRect()
    limited(((event.clientX - box.left) / box.width) * 100)
  }
  const press = (event: KeyboardEvent) => {
    const step = event.shiftKey ? 10 : 1
    const to = { ArrowLeft: share - step, ArrowDown: share - step, ArrowRight: share + step, ArrowUp: share + step, Home: 0, End: 100 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    event.stopPropagation()
    limited(to)
  }
  return (
    <div
      className="look-divider" role="slider" tabIndex={0} aria-label={say('divider')} aria-valuemin={0} aria-valuemax={100} aria-valuenow={share}
      aria-valuetext={say('dividerAt', { share })} style={{ left: `${share}%` }} onPointerDown={hold} onPointerMove={drag} onKeyDown={press}
      onDoubleClick={(event) => (event.stopPropagation(), limited(50))}
    >
      <span><Icon of="grip" /></span>
    </div>
  )
}

interface ApartProps {
  addresses: [one: string, other: string]
  size: Size
  gain: number
  place: CSSProperties
  onMean: (mean: number) => void
}

function Apart({ addresses: [one, other], size: { width, height }, gain, place, onMean }: ApartProps) {
  const ref = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    let wanted = true
    void Promise.all([one, other].map((address) => pixelsOf(address, width, height))).then(([a, b]) => {
      if (!wanted || !a || !b) return
      const { pixels, mean } = difference(a, b, gain)
      ref.current?.getContext('2d')?.putImageData(new ImageData(pixels, width, height), 0, 0)
      onMean(mean)
    }, () => null)
    return () => {
      wanted = false
    }
  }, [one, other, width, height, gain, onMean])
  return <canvas ref={ref} className="look-layer" width={width} height={height} style={place} aria-hidden="true" />
}

async function pixelsOf(address: string, width: number, height: number): Promise<Uint8ClampedArray | undefined> {
  const picture = new Image()
  picture.src = address
  await picture.decode()
  const context = new OffscreenCanvas(width, height).getContext('2d')
  context?.drawImage(picture, 0, 0, width, height)
  return context?.getImageData(0, 0, width, height).data
}
