import { useEffect, useState } from 'react'

const STEPS = [
  ['second', 60],
  ['minute', 60],
  ['hour', 24],
  ['day', 7],
  ['week', 4.35],
  ['month', 12],
  ['year', Infinity],
] as const

/** How long ago something was, in words: `3 minutes ago`. */
export function ago(time: string, now: number, language: string): string {
  let past = Math.max(0, (now - Date.parse(time)) / 1000)
  for (const [unit, most] of STEPS) {
    const whole = unit === 'second' && past < 45 ? 0 : Math.round(past)
    if (whole < most) return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(-whole, unit)
    past /= most
  }
  return ''
}

/** The point in time in full. */
export function exactly(time: string, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }).format(Date.parse(time))
}

/** How long something took: `0.9 sec`, `2 min 5 sec`. */
export function lasted(seconds: number, language: string): string {
  const say = (value: number, unit: string, digits = 0) =>
    new Intl.NumberFormat(language, { style: 'unit', unit, maximumFractionDigits: digits }).format(value)
  if (seconds < 9.95) return say(seconds, 'second', seconds < 0.095 ? 2 : 1)
  const whole = Math.round(seconds)
  const [small, large, of] = whole < 3600 ? (['second', 'minute', whole] as const) : (['minute', 'hour', Math.round(whole / 60)] as const)
  return [of >= 60 && say(Math.floor(of / 60), large), of % 60 > 0 && say(of % 60, small)].filter(Boolean).join(' ')
}

/** The time now, told again twice a minute. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000)
    return () => clearInterval(timer)
  }, [])
  return now
}
