import { useEffect, useRef, useState, type KeyboardEvent, type SyntheticEvent } from 'react'
import { createPortal } from 'react-dom'
import { Easel } from './Easel'
import { ICONS } from './icons'
import { loadMask, loadPicture } from './load'
import { blank } from './mask'
import { Painting } from './painting'
import { png } from './png'
import { t } from './texts'
import './paint.css'

interface Props {
  /** The address of the picture that is painted on. */
  picture: string
  /** The address of a mask to go on with; of another size, it is scaled. */
  mask?: string | undefined
  /** Takes the mask, a grey PNG of the picture's size: white = repaint. When it is done, `onClose` follows. */
  onDone: (mask: Blob, size: [width: number, height: number]) => Promise<void> | void
  onClose: () => void
}

type Loaded = { painting: Painting; unread: boolean } | 'loading' | 'failed'

/** A dialog in which a mask for inpainting is painted on a picture. */
export function MaskPainter({ picture, mask, onDone, onClose }: Props) {
  const say = t()
  const dialog = useRef<HTMLDialogElement>(null)
  const [loaded, setLoaded] = useState<Loaded>('loading')
  const [asking, setAsking] = useState(false)
  const [saving, setSaving] = useState(false)
  const [fault, setFault] = useState('')

  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal()
  }, [])
  useEffect(() => {
    let here = true
    setLoaded('loading')
    load(picture, mask).then((done) => here && setLoaded(done), () => here && setLoaded('failed'))
    return () => void (here = false)
  }, [picture, mask])

  const painting = typeof loaded === 'object' ? loaded.painting : null

  const leave = () => {
    if (saving) return
    if (painting?.changed) setAsking(!asking)
    else onClose()
  }

  const save = async ({ mask }: Painting) => {
    setSaving(true)
    setAsking(false)
    setFault('')
    try {
      await onDone(await png(mask), [mask.width, mask.height])
      onClose()
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error))
      setSaving(false)
    }
  }

  const keyDown = (event: KeyboardEvent) => {
    event.stopPropagation() // what is behind the dialog has keys of its own
    if (event.key !== 'Escape' || event.nativeEvent.isComposing) return
    event.preventDefault()
    leave()
  }

  const cancel = (event: SyntheticEvent) => {
    if (event.target !== dialog.current) return
    event.preventDefault()
    leave()
  }

  return createPortal(
    <dialog ref={dialog} className="paint" aria-labelledby="paint-title" onKeyDown={keyDown} onCancel={cancel} onClose={onClose}>
      <header className="row paint-head">
        <h2 id="paint-title">{say('title')}</h2>
        <span className="soft cut grow">{say('hint')}</span>
        <button type="button" className="plain icon" aria-label={say('close')} title={say('close')} disabled={saving} onClick={leave}>
          <ICONS.close />
        </button>
      </header>
      {loaded === 'loading' && <p className="paint-line soft" role="status">{say('loading')}</p>}
      {loaded === 'failed' && <p className="paint-line fault" role="alert">{say('noPicture')}</p>}
      {typeof loaded === 'object' && (
        <>
          {loaded.unread && <p className="paint-notice fault" role="alert">{say('noMask')}</p>}
          <Easel painting={loaded.painting} picture={picture} still={saving} />
          <footer className="row paint-foot">
            {fault && <p className="fault grow" role="alert">{say('failed', { message: fault })}</p>}
            {asking ? (
              <>
                <p className="grow" role="alert">{say('discard')}</p>
                <button type="button" onClick={onClose}>{say('throwAway')}</button>
                <button type="button" className="primary" autoFocus onClick={() => setAsking(false)}>{say('stay')}</button>
              </>
            ) : (
              <button type="button" className="primary" aria-disabled={saving} onClick={() => void (saving || save(loaded.painting))}>
                {say(saving ? 'saving' : 'done')}
              </button>
            )}
          </footer>
        </>
      )}
    </dialog>,
    document.body,
  )
}

async function load(picture: string, mask: string | undefined): Promise<Loaded> {
  const { naturalWidth: width, naturalHeight: height } = await loadPicture(picture)
  const before = mask === undefined ? null : await loadMask(mask, width, height).catch(() => 'unread' as const)
  return { painting: new Painting(before && before !== 'unread' ? before : blank(width, height)), unread: before === 'unread' }
}
