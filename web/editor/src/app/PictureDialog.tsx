import { useReactFlow } from '@xyflow/react'
import { useState } from 'react'
import type { Opened } from '../files'
import { Over } from '../fields/Over'
import { toast } from '../fields/toasts'
import { add } from '../graph/actions'
import { PictureView } from '../look'
import { MaskPainter } from '../paint/MaskPainter'
import { api, Refused } from '../server/api'
import { filePlaces, pictureReaders, usePicture, type FilePlace } from '../state/uploads'
import { useLanguage } from '../text/text'
import { INPUTS } from '../workflow/scopes'
import { t } from './texts'

/** A picture that is shown large: a file that a job wrote, or a value. */
export interface Shown {
  name: string
  url: string
  /** Begin with painting a mask. */
  paint?: boolean
}

interface Props {
  picture: Shown
  onOpen: (opened: Opened) => void
  onClose: () => void
}

/** The masks that were painted on pictures since the page was opened, by the pictures' addresses. */
const painted = new Map<string, string>()

/** A picture with what can be done with it: open its workflow, use it as an input, paint a mask on it. */
export function PictureDialog({ picture, onOpen, onClose }: Props) {
  const say = t()
  const [placing, setPlacing] = useState<{ blob: Blob; mask: boolean } | null>(null)
  const [painting, setPainting] = useState(Boolean(picture.paint))

  const attempt = async (does: () => Promise<void>) => {
    try {
      await does()
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      toast(error.message, { kind: 'bad' })
    }
  }
  const openIt = () =>
    attempt(async () => {
      const { workflow, sweeps } = await api.recipe(picture.url)
      onOpen({ workflow, sweeps, name: '', version: null, template: '' })
    })
  const place = (at: FilePlace) =>
    attempt(async () => {
      const url = await usePicture(placing!.blob, at)
      if (placing!.mask) painted.set(picture.url, url)
      onClose()
    })
  if (painting) {
    return (
      <MaskPainter
        picture={picture.url} mask={painted.get(picture.url)}
        onDone={(blob) => setPlacing({ blob, mask: true })}
        onClose={() => setPainting(false)}
      />
    )
  }
  return (
    <Over label={picture.name} className="app-picture" onClose={onClose}>
      {placing ? (
        <Places onPlace={(at) => void place(at)} onBack={() => setPlacing(null)} />
      ) : (
        <PictureView
          url={picture.url} title={picture.name}
          actions={
            <>
              {picture.url.startsWith('/api/images/') && <button onClick={() => void openIt()}>{say('openRecipe')}</button>}
              <button onClick={() => void attempt(async () => setPlacing({ blob: await (await fetch(picture.url)).blob(), mask: false }))}>{say('useInput')}</button>
              <button onClick={() => setPainting(true)}>{say('paintMask')}</button>
              <button className="primary" onClick={onClose}>{say('closeDock')}</button>
            </>
          }
        />
      )}
    </Over>
  )
}

/** Where a picture is to be read: in one of the places that name a file, or by a new node. */
function Places({ onPlace, onBack }: { onPlace: (at: FilePlace) => void; onBack: () => void }) {
  const say = t()
  const flow = useReactFlow()
  const language = useLanguage((state) => state.language)
  const anew = (type: string, param: string) => {
    const { x, y } = flow.screenToFlowPosition({ x: innerWidth / 3, y: innerHeight / 2 })
    const path = add(type, null, [Math.round(x), Math.round(y)])
    if (path) onPlace({ path, param })
  }
  return (
    <div className="column app-places">
      <h2>{say('choosePlace')}</h2>
      {filePlaces().map((at) => (
        <button key={`${at.path}.${at.param}`} onClick={() => onPlace(at)}>
          {at.path === INPUTS ? say('inputNamed', { name: at.param }) : `${at.path} · ${at.param}`}
        </button>
      ))}
      {pictureReaders().map(({ type, param }) => (
        <button key={type.name} onClick={() => anew(type.name, param)}>+ {say('newNode', { name: type.labels[language].label })}</button>
      ))}
      <button className="plain" onClick={onBack}>{say('back')}</button>
    </div>
  )
}
