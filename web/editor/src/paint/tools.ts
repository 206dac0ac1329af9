import { BLACK, WHITE } from './mask'

export interface Tool {
  readonly name: 'brush' | 'eraser' | 'rectangle' | 'cut'
  readonly shape: 'disc' | 'rectangle'
  readonly value: number
  /** As shown; the letter takes it. */
  readonly keys: string
}

export const BRUSH: Tool = { name: 'brush', shape: 'disc', value: WHITE, keys: 'B' }

/** What can be held in the hand; with Alt or the right button each does the opposite. */
export const TOOLS: readonly Tool[] = [
  BRUSH,
  { name: 'eraser', shape: 'disc', value: BLACK, keys: 'E' },
  { name: 'rectangle', shape: 'rectangle', value: WHITE, keys: 'R' },
  { name: 'cut', shape: 'rectangle', value: BLACK, keys: 'Shift+R' },
]
