import { useState, type ReactNode } from 'react'
import { isPicture } from './isPicture'
import { Viewer } from './Viewer'
import { t } from './texts'
import { Thumb } from './Thumb'

/** A file to be looked at. */
export interface Shown {
  url: string
  name: string
  /** When it was made, how large it is. */
  about: string
}

interface Props<T extends Shown> {
  items: T[]
  /** What stands above the pictures, and below. */
  above?: ReactNode
  below?: ReactNode
  /** What can be done with the one that is viewed large. */
  actions: (item: T) => ReactNode
  /** What is asked before it is done. */
  question?: (item: T) => ReactNode
}

/** Small pictures, of which one can be viewed large. */
export function PictureGrid<T extends Shown>({ items, above, below, actions, question }: Props<T>) {
  const say = t()
  const [viewed, setViewed] = useState<string | null>(null)
  const index = items.findIndex(({ url }) => url === viewed)
  const item = items[index]
  const step = (by: number) => setViewed((url) => items[index + by]?.url ?? url)
  return (
    <>
      <div className="files-scroll" inert={item !== undefined}>
        {above}
        <ul className="files-tiles">
          {items.map(({ url, name }) => (
            <li key={url}>
              <button type="button" className="files-tile" aria-label={say('view', { name })} title={name} onClick={() => setViewed(url)}>
                <Thumb url={isPicture(name) ? `${url}?side=192` : null} name={name} />
                {!isPicture(name) && <span className="badge">{name.split('.').at(-1)}</span>}
              </button>
            </li>
          ))}
        </ul>
        {below}
      </div>
      {item && (
        <Viewer
          item={item} question={question?.(item)} picture={isPicture(item.name)} onBack={() => setViewed(null)}
          onBefore={index > 0 ? () => step(-1) : undefined} onAfter={index < items.length - 1 ? () => step(1) : undefined}
        >
          {actions(item)}
        </Viewer>
      )}
    </>
  )
}
