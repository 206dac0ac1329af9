import { useMemo } from 'react'
import { useLanguage } from '../text/text'
import { share, type Box, type Point } from './mask'
import type { Painting } from './painting'
import { t } from './texts'

interface Props {
  painting: Painting
  cursor: (Point & { keyed: boolean }) | null
  /** A rectangle that is being drawn. */
  frame: Box | null
}

/** Where the cursor is, the size of the picture, how much of it is painted. */
export function Status({ painting, cursor, frame }: Props) {
  const say = t()
  const language = useLanguage((state) => state.language)
  const { mask, version } = painting
  const painted = useMemo(
    () => new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 2 }).format(share(mask)),
    [language, mask, version],
  )
  return (
    <div className="paint-status soft mono">
      {/* Read aloud only where keys move the cursor: with a pointer it would never end. */}
      <span aria-live={cursor?.keyed ? 'polite' : 'off'}>
        {cursor && `${Math.floor(cursor.x)}, ${Math.floor(cursor.y)}`}
        {frame && ` · ${frame.right - frame.left} × ${frame.bottom - frame.top}`}
      </span>
      <span className="grow" />
      <span>{say('dimensions', { width: mask.width, height: mask.height })}</span>
      <span aria-live="polite">{say('painted', { share: painted })}</span>
    </div>
  )
}
