import { useState, type ReactNode } from 'react'
import { Icon } from './icons'
import './look.css'
import { PictureLayer, Problem, usePicture } from './PictureLayer'
import { t } from './texts'
import { bytesText } from './written'
import { ZoomFrame } from './ZoomFrame'

interface Props {
  url: string
  title: string
  /** Buttons of the host's, beside those for downloading and copying. */
  actions?: ReactNode
  bytes?: number
  size?: 'small' | 'full'
}

/** A picture that a job wrote: zoomed, downloaded, copied. */
export function PictureView({ url, title, actions, bytes, size = 'full' }: Props) {
  const say = t()
  const { size: pixels, problem, events } = usePicture(url)
  return (
    <section className={`column look-picture look-${size}`} aria-label={title}>
      {problem !== undefined && <Problem problem={problem} />}
      <ZoomFrame size={pixels} title={title} height={size === 'full' ? 'fill' : 'content'}>
        {(place) => <PictureLayer address={url} title={title} place={place} events={events} />}
      </ZoomFrame>
      <div className="row look-wrap">
        <span className="soft">{[pixels && say('pixels', { ...pixels }), bytes !== undefined && bytesText(bytes)].filter(Boolean).join(' · ')}</span>
        <span className="grow" />
        <a className="button" href={url} download={title}><Icon of="download" />{say('download')}</a>
        <CopyButton url={url} />
        {actions}
      </div>
    </section>
  )
}

/** Browsers give the clipboard only to pages they trust; where there is none, there is no button. */
function CopyButton({ url }: { url: string }) {
  const say = t()
  const [state, setState] = useState<'copy' | 'copied' | 'notCopied'>('copy')
  if (!navigator.clipboard?.write) return null
  const copy = () => {
    const png = fetch(url).then((answer) => answer.blob())
    navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]).then(() => setState('copied'), () => setState('notCopied'))
  }
  return (
    <button type="button" onClick={copy} onBlur={() => setState('copy')}>
      <Icon of={state === 'copied' ? 'check' : 'copy'} />
      <span role="status">{say(state)}</span>
    </button>
  )
}
