/** Lines on a field of 16 × 16. */
const LINES = {
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  fit: 'M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4',
  link: 'M6.5 9.5l3-3M7.5 4.5l1-1a2.8 2.8 0 0 1 4 4l-1 1M8.5 11.5l-1 1a2.8 2.8 0 0 1-4-4l1-1',
  numbers: 'M6.5 2l-2 12M11.5 2l-2 12M2.5 5.5h12M1.5 10.5h12',
  download: 'M8 2v8M4.5 6.5L8 10l3.5-3.5M2.5 13.5h11',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  play: 'M4.5 2.5l9 5.5-9 5.5z',
  pause: 'M5 3v10M11 3v10',
  swap: 'M3 5.5h10M10 2.5l3 3-3 3M13 10.5H3M6 7.5l-3 3 3 3',
  difference: 'M2.5 2.5h8v8h-8zM5.5 5.5h8v8h-8z',
  layers: 'M8 2l6 3-6 3-6-3zM2 8l6 3 6-3M2 11l6 3 6-3',
  grip: 'M6 5L3 8l3 3M10 5l3 3-3 3',
  check: 'M3 8.5l3.5 3.5L13 4.5',
} as const

export type IconName = keyof typeof LINES

/** One of the pictures on the buttons of this folder; what it means is said beside it. */
export function Icon({ of }: { of: IconName }) {
  return (
    <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={LINES[of]} />
    </svg>
  )
}
