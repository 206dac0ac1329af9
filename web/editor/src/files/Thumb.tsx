import { useState } from 'react'
import { Placeholder } from './Placeholder'
import './files.css'

interface Props {
  /** The address of the picture, or null where there is none. */
  url: string | null
  name: string
}

/** A small picture that loads when it is scrolled into sight; few pixels stay sharp. What cannot be shown is drawn. */
export function Thumb({ url, name }: Props) {
  const [broken, setBroken] = useState(false)
  if (url === null || broken) return <Placeholder name={name} />
  return (
    <img
      src={url} alt="" loading="lazy" decoding="async" draggable={false}
      onLoad={(event) => sharpen(event.currentTarget)} onError={() => setBroken(true)}
    />
  )
}

/** Shows a picture's pixels as squares where it is shown larger than it is. */
export function sharpen(image: HTMLImageElement): void {
  image.classList.toggle('pixels', image.naturalWidth < image.clientWidth)
}
