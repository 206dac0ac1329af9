import { useEffect, useId, useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react'
import { preload, type Source } from './address'
import { Icon } from './icons'
import './look.css'
import { t } from './texts'
import { Thumb } from './Thumb'
import { ValueView } from './ValueView'

interface Props {
  values: { key: string; output: string; label: string }[]
  index: number
  onIndex: (index: number) => void
  job?: string
  title?: string
  size?: 'small' | 'full'
  words?: string[]
  over?: Source
}

const WIDTH = 76
const BESIDE = 4
const A_SECOND = 8
const A_SECOND_CALM = 1

/** Values one after the other, such as those of a loop: a strip of small pictures, and the chosen one above. */
export function FilmStrip({ values, index, onIndex, job, title, size = 'small', words, over }: Props) {
  const say = t()
  const [playing, setPlaying] = useState(false)
  const last = values.length - 1
  const chosen = values[index]
  const withJob = job === undefined ? {} : { job }
  usePlaying(playing, index, last, (next) => preload({ ...values[next]!, ...withJob }), onIndex, () => setPlaying(false))

  const choose = (next: number) => onIndex(Math.min(last, Math.max(0, next)))
  const play = () => {
    if (!playing && index >= last) onIndex(0)
    setPlaying(!playing)
  }
  if (!chosen) return null
  return (
    <div className={`column look-film look-${size}`}>
      <ValueView
        value={{ key: chosen.key, output: chosen.output, ...withJob }} title={title ? `${title}: ${chosen.label}` : chosen.label} size={size}
        {...(words ? { words } : {})} {...(over ? { over } : {})}
      />
      <div className="row">
        <button type="button" className="icon" aria-label={say(playing ? 'pause' : 'play')} onClick={play}>
          <Icon of={playing ? 'pause' : 'play'} />
        </button>
        <input
          type="range" className="grow" min={0} max={last} value={index} aria-label={say('frame')} aria-valuetext={chosen.label}
          onChange={(event) => choose(Number(event.target.value))}
        />
        <span className="soft look-count">{say('frameOf', { place: index + 1, count: values.length })}</span>
      </div>
      <Strip values={values} index={index} choose={choose} withJob={withJob} />
    </div>
  )
}

interface StripProps {
  values: Props['values']
  index: number
  choose: (index: number) => void
  withJob: { job?: string }
}

/** The small pictures; only those that are seen are there. */
function Strip({ values, index, choose, withJob }: StripProps) {
  const say = t()
  const id = useId()
  const ref = useRef<HTMLDivElement>(null)
  const [seen, setSeen] = useState({ left: 0, width: 800 })
  const look = () => ref.current && setSeen({ left: ref.current.scrollLeft, width: ref.current.clientWidth })
  useLayoutEffect(() => {
    const observer = new ResizeObserver(look)
    if (ref.current) observer.observe(ref.current)
    return () => observer.disconnect()
  }, [])
  useEffect(() => {
    const strip = ref.current
    if (!strip) return
    const left = index * WIDTH
    if (left < strip.scrollLeft || left + WIDTH > strip.scrollLeft + strip.clientWidth) strip.scrollLeft = left - (strip.clientWidth - WIDTH) / 2
  }, [index])

  const first = Math.max(0, Math.floor(seen.left / WIDTH) - BESIDE)
  const shown = values.slice(first, Math.ceil((seen.left + seen.width) / WIDTH) + BESIDE)
  const press = (event: KeyboardEvent) => {
    const to = { ArrowLeft: index - 1, ArrowRight: index + 1, PageUp: index - 10, PageDown: index + 10, Home: 0, End: values.length - 1 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    event.stopPropagation()
    choose(to)
  }
  return (
    <div
      ref={ref} className="look-strip" role="listbox" aria-orientation="horizontal" aria-label={say('film')} tabIndex={0}
      aria-activedescendant={`${id}.${index}`} onKeyDown={press} onScroll={look}
    >
      <div className="look-reel" role="presentation" style={{ width: values.length * WIDTH }}>
        {shown.map(({ key, output, label }, beside) => {
          const place = first + beside
          return (
            <div
              key={place} id={`${id}.${place}`} className="look-still" role="option" aria-selected={place === index} aria-label={label}
              aria-posinset={place + 1} aria-setsize={values.length} style={{ left: place * WIDTH }} onClick={() => choose(place)}
            >
              <Thumb value={{ key, output, ...withJob }} label="" />
              <span className="cut soft">{label}</span>
            </div>
          )
        })}
      </div>
    </div>
  )
}

/** Go on to the next when it is there and the time has come; slowly where little motion is wanted. */
function usePlaying(
  playing: boolean,
  index: number,
  last: number,
  ready: (next: number) => Promise<void>,
  onIndex: (index: number) => void,
  onEnd: () => void,
) {
  const use = useRef({ ready, onIndex, onEnd })
  use.current = { ready, onIndex, onEnd }
  useEffect(() => {
    if (!playing) return
    if (index >= last) return use.current.onEnd()
    let wanted = true
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches
    const time = new Promise((done) => setTimeout(done, 1000 / (calm ? A_SECOND_CALM : A_SECOND)))
    // One that cannot be shown is passed as any other: its place says why.
    void Promise.allSettled([time, use.current.ready(index + 1)]).then(() => wanted && use.current.onIndex(index + 1))
    return () => {
      wanted = false
    }
  }, [playing, index, last])
}
