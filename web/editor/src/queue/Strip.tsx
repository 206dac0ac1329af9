import { useState } from 'react'
import { isPicture } from '../files/isPicture'
import { Thumb } from '../files/Thumb'
import type { Picture } from '../server/types'
import { t } from './texts'

const FIRST = 5

interface Props {
  pictures: Picture[]
  onPicture: (picture: Picture) => void
}

/** What a job wrote, small: the first few, and the others when they are asked for. */
export function Strip({ pictures, onPicture }: Props) {
  const say = t()
  const [all, setAll] = useState(false)
  const more = all || pictures.length <= FIRST + 1 ? 0 : pictures.length - FIRST
  return (
    <ul className="queue-strip">
      {pictures.slice(0, pictures.length - more).map((picture) => (
        <li key={picture.url}>
          {isPicture(picture.name) ? (
            <button
              type="button" className="queue-thumb" aria-label={say('view', { name: picture.name })} title={picture.name}
              onClick={() => onPicture(picture)}
            >
              <Thumb url={`${picture.url}?side=64`} name={picture.name} />
            </button>
          ) : (
            <a className="button queue-thumb" href={picture.url} download aria-label={say('download', { name: picture.name })} title={picture.name}>
              {picture.name.split('.').at(-1)}
            </a>
          )}
        </li>
      ))}
      {more > 0 && (
        <li>
          <button type="button" className="queue-thumb" aria-label={say('morePictures', { count: more })} onClick={() => setAll(true)}>+{more}</button>
        </li>
      )}
    </ul>
  )
}
