import type { ReactNode } from 'react'
import { escapes } from './Ask'
import { Icon } from './icons'
import { useFocus } from './Modal'
import type { Shown } from './PictureGrid'
import { t } from './texts'
import { sharpen } from './Thumb'

interface Props {
  item: Shown
  /** Whether it can be seen at all. */
  picture: boolean
  onBack: () => void
  onBefore: (() => void) | undefined
  onAfter: (() => void) | undefined
  question: ReactNode
  /** The buttons below it. */
  children: ReactNode
}

/** One picture, large, over the others; the arrow keys lead to its neighbours. */
export function Viewer({ item, picture, onBack, onBefore, onAfter, question, children }: Props) {
  const say = t()
  const back = useFocus<HTMLButtonElement>()
  const keys = (event: React.KeyboardEvent) => {
    escapes(event, onBack)
    if (event.key === 'ArrowLeft') onBefore?.()
    if (event.key === 'ArrowRight') onAfter?.()
  }
  return (
    <section className="files-viewer" aria-label={item.name} onKeyDown={keys}>
      <div className="row files-tools">
        <button ref={back} type="button" onClick={onBack}><Icon of="back" />{say('back')}</button>
        <span className="mono cut grow" title={item.name}>{item.name}</span>
        <span className="soft">{item.about}</span>
      </div>
      <div className="files-stage">
        <button type="button" className="icon" aria-label={say('before')} disabled={!onBefore} onClick={onBefore}><Icon of="back" /></button>
        {picture ? (
          <img key={item.url} src={item.url} alt={item.name} onLoad={(event) => sharpen(event.currentTarget)} />
        ) : (
          <p className="soft">{say('noSight')}</p>
        )}
        <button type="button" className="icon" aria-label={say('after')} disabled={!onAfter} onClick={onAfter}><Icon of="next" /></button>
      </div>
      <div className="row files-actions">
        {children}
        <a className="button" href={item.url} download={item.name.split('/').at(-1)}>{say('download')}</a>
      </div>
      {question}
    </section>
  )
}
