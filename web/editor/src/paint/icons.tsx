import type { ReactNode } from 'react'

const drawn = (shape: ReactNode) => () => (
  <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
    {shape}
  </svg>
)

/** Small drawings, by what they stand for. */
export const ICONS = {
  brush: drawn(<><path d="M13.5 2.5 7 9" /><path d="M6.6 8.6c-2-.6-3.4.7-3.5 2.4-.1 1.2-.6 1.9-1.4 2.3 2.7.7 5.8-.2 5.8-2.8 0-.8-.3-1.5-.9-1.9Z" /></>),
  eraser: drawn(<><path d="m6 13.5-3.5-3.5 6.5-6.5 4 4-6 6Z" /><path d="m5.5 7 4 4" /><path d="M6 13.5h7.5" /></>),
  rectangle: drawn(<rect x="2.5" y="3.5" width="11" height="9" fill="currentColor" fillOpacity=".35" />),
  cut: drawn(<><rect x="2.5" y="3.5" width="11" height="9" strokeDasharray="2 2.2" /><path d="m6.5 6.5 3 3m0-3-3 3" /></>),
  undo: drawn(<><path d="M5.5 2.5 2.5 5.5l3 3" /><path d="M3 5.5h6.5a4 4 0 0 1 0 8H6" /></>),
  redo: drawn(<><path d="m10.5 2.5 3 3-3 3" /><path d="M13 5.5H6.5a4 4 0 0 0 0 8H10" /></>),
  nearer: drawn(<path d="M8 3v10M3 8h10" />),
  farther: drawn(<path d="M3 8h10" />),
  close: drawn(<path d="m4 4 8 8m0-8-8 8" />),
}
