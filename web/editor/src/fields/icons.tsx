import type { ReactNode } from 'react'

const icon = (shapes: ReactNode) => () => (
  <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">{shapes}</svg>
)

export const ResetIcon = icon(<path d="M3 3v3.5h3.5M3.4 6.3A5 5 0 1 1 3 8.6" />)
export const DiceIcon = icon(<><rect x="2.5" y="2.5" width="11" height="11" rx="2.5" /><path strokeWidth="2" d="M5.5 5.5h0M8 8h0M10.5 10.5h0M10.5 5.5h0M5.5 10.5h0" /></>)
export const PictureIcon = icon(<><rect x="2" y="3" width="12" height="10" rx="1.5" /><path d="m2.5 11.5 3.2-3.2 2.3 2.2 2.6-2.7 3 3" /><circle cx="5.6" cy="6" r=".8" /></>)
export const CloseIcon = icon(<path d="m4 4 8 8m0-8-8 8" />)
