import { useState, type CSSProperties } from 'react'
import { api } from '../server/api'
import { t } from './texts'
import { isGone, whyText } from './loaded'
import type { Size } from './zoom'

/** The size of the picture that is shown, and why there is none. */
export function usePicture(address: string) {
  const [size, setSize] = useState<Size | null>(null)
  const [failed, setFailed] = useState<{ address: string; problem: unknown } | null>(null)
  return {
    size,
    problem: failed?.address === address ? failed.problem : undefined,
    events: {
      onLoad: ({ currentTarget: { naturalWidth: width, naturalHeight: height } }: { currentTarget: HTMLImageElement }) => {
        setFailed(null)
        setSize((now) => (now?.width === width && now.height === height ? now : { width, height }))
      },
      // An <img> does not say why it stays empty: the same is asked for again, to be told.
      onError: () => void api.view(address).then(() => null, (problem: unknown) => setFailed({ address, problem })),
    },
  }
}

interface Props {
  address: string
  title: string
  place: CSSProperties
  events: ReturnType<typeof usePicture>['events']
}

/** A picture in a `ZoomFrame`. */
export function PictureLayer({ address, title, place, events }: Props) {
  return <img className="look-layer" style={place} src={address} alt={title} draggable={false} {...events} />
}

/** Why something cannot be shown, in friendly words where it is only not kept. */
export function Problem({ problem, onAgain }: { problem: unknown; onAgain?: () => void }) {
  const say = t()
  return (
    <div className="look-problem" role="status">
      <p>{isGone(problem) ? say('gone') : say('failed', { why: whyText(problem) })}</p>
      {onAgain && <button type="button" onClick={onAgain}>{say('again')}</button>}
    </div>
  )
}
