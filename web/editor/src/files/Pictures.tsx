import { useEffect, useRef, useState } from 'react'
import { api, Refused } from '../server/api'
import type { ImageAbout } from '../server/types'
import { useLanguage } from '../text/text'
import { bytesText } from './bytes'
import { unsaved, type Opened } from './opened'
import { PictureGrid } from './PictureGrid'
import { t } from './texts'
import { trouble } from './trouble'
import type { Attempt } from './useAttempt'
import { Waiting } from './Waiting'
import { ago, useNow } from './when'

const PAGE = '60'

interface Props {
  attempt: Attempt
  onOpen: (opened: Opened) => void
  onUse: ((picture: { path: string; url: string }) => void) | undefined
}

/** What jobs wrote, the newest first, a page at a time. */
export function Pictures({ attempt, onOpen, onUse }: Props) {
  const say = t()
  const language = useLanguage((state) => state.language)
  const now = useNow()
  const { images, next, problem, more } = useImages()
  if (!images) return <Waiting problem={problem} onAgain={more} />
  if (images.length === 0) return <p className="files-empty soft">{say('noPictures')}</p>
  const open = ({ url }: ImageAbout) =>
    attempt(async (here) => {
      const recipe = await api.recipe(url)
      if (here()) onOpen(unsaved(recipe))
    })
  const use = ({ url }: ImageAbout) =>
    attempt(async (here) => {
      const { path, url: uploaded } = await api.upload(await pictureAt(url))
      if (here()) onUse?.({ path, url: uploaded })
    })
  return (
    <PictureGrid
      items={images.map((image) => ({ ...image, about: `${ago(image.changed, now, language)} · ${bytesText(image.bytes, language)}` }))}
      below={
        next && (
          <div className="row files-more">
            <button type="button" onClick={more}>{say('more')}</button>
            {problem && <span className="fault" role="alert">{problem}</span>}
          </div>
        )
      }
      actions={(image) => (
        <>
          <button type="button" className="primary" onClick={() => open(image)}>{say('openWorkflow')}</button>
          {onUse && <button type="button" onClick={() => use(image)}>{say('use')}</button>}
        </>
      )}
    />
  )
}

/** The pages that were asked for so far, and the way to the next. */
function useImages() {
  const [state, setState] = useState<{ images: ImageAbout[] | null; next: string | null; problem: string }>({ images: null, next: null, problem: '' })
  const asks = useRef(false)
  const more = async () => {
    if (asks.current) return
    asks.current = true
    try {
      const page = await api.images({ limit: PAGE, ...(state.next ? { after: state.next } : {}) })
      setState(({ images }) => ({ images: [...(images ?? []), ...page.images], next: page.next, problem: '' }))
    } catch (error) {
      setState((before) => ({ ...before, problem: trouble(error) }))
    } finally {
      asks.current = false
    }
  }
  useEffect(() => void more(), []) // once: the first page
  return { ...state, more }
}

/** A picture's bytes, as they are. */
async function pictureAt(url: string): Promise<Blob> {
  const response = await fetch(url).catch((error: unknown) => {
    throw new Refused(0, String(error))
  })
  if (!response.ok) throw new Refused(response.status, `${response.status} ${response.statusText}`)
  return response.blob()
}
