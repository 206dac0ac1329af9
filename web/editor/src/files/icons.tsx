/** Lines on a field of 16 × 16. */
const LINES = {
  close: 'M4 4l8 8M12 4l-8 8',
  file: 'M2 12.5v-9h4.5l1.5 2h6v7z',
  back: 'M9.5 3.5L5 8l4.5 4.5',
  next: 'M6.5 3.5L11 8l-4.5 4.5',
  up: 'M8 13V3M4 7l4-4 4 4',
  down: 'M8 3v10M4 9l4 4 4-4',
  front: 'M3 2.5h10M8 14V6M4.5 9.5L8 6l3.5 3.5',
  pause: 'M5.5 3v10M10.5 3v10',
  play: 'M4.5 2.5l9 5.5-9 5.5z',
  again: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3.3H9.7',
  upload: 'M8 10.5V2.5M4.5 6L8 2.5 11.5 6M2.5 13.5h11',
} as const

/** One of the pictures on the buttons of files and of the queue; what it means is said beside it. */
export function Icon({ of }: { of: keyof typeof LINES }) {
  return (
    <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={LINES[of]} />
    </svg>
  )
}
