import { useEffect, useRef, useState } from 'react'
import type { Opened } from '../files/opened'
import { toast } from '../fields/toasts'
import { api, Refused } from '../server/api'
import { MaskPainter } from '../paint/MaskPainter'
import { PictureView } from '../look'
import { filePlaces, usePicture, type FilePlace } from '../state/uploads'
import { t } from './texts'

/** A picture that is shown large. */
export interface Shown {
  name: string
  url: string
}

interface Props {
  picture: Shown
  onOpen: (opened: Opened) => void
  onClose: () => void
}

/** A picture with what can be done with it: open its workflow, use it as an input, paint a mask on it. */
export function PictureDialog({ picture, onOpen, onClose }: Props) {
  const say = t()
  const dialog = useRef<HTMLDialogElement>(null)
  const [choosing, setChoosing] = useState<Blob | null>(null)
  const [painting, setPainting] = useState(false)
  useEffect(() => dialog.current?.showModal(), [])

  const openIt = async () => {
    try {
      const { workflow, sweeps } = await api.recipe(picture.url)
      onOpen({ workflow, sweeps, name: '', version: null, template: '' })
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      toast(error.message, { kind: 'bad' })
    }
  }
  const use = async () => {
    if (filePlaces().length === 0) return toast(say('noPlace'), { kind: 'bad' })
    setChoosing(await (await fetch(picture.url)).blob())
  }
  const place = async (at: FilePlace) => {
    await usePicture(choosing!, at)
    onClose()
  }
  return (
    <>
      <dialog ref={dialog} className="app-picture" aria-label={picture.name} onClose={onClose}>
        <PictureView
          url={picture.url} title={picture.name}
          actions={
            <>
              <button onClick={() => void openIt()}>{say('openRecipe')}</button>
              <button onClick={() => void use()}>{say('useInput')}</button>
              <button onClick={() => setPainting(true)}>{say('paintMask')}</button>
              <button onClick={onClose}>{say('closeDock')}</button>
            </>
          }
        />
        {choosing && (
          <div className="column app-hint">
            <h3>{say('choosePlace')}</h3>
            {filePlaces().map((at) => <button key={`${at.path}.${at.param}`} onClick={() => void place(at)}>{at.path} · {at.param}</button>)}
          </div>
        )}
      </dialog>
      {painting && (
        <MaskPainter
          picture={picture.url}
          onDone={(mask) => {
            setPainting(false)
            setChoosing(mask)
          }}
          onClose={() => setPainting(false)}
        />
      )}
    </>
  )
}
