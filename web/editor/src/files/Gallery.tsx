import { useState } from 'react'
import { FileButton } from './FileButton'
import { Modal } from './Modal'
import type { Opened } from './opened'
import { NoWorkflow, OPENABLE, openFile } from './openFile'
import { Pictures } from './Pictures'
import { Saved } from './Saved'
import { Tabs } from './Tabs'
import { Templates } from './Templates'
import { t } from './texts'
import { Uploads } from './Uploads'
import { useAttempt } from './useAttempt'

const TABS = ['templates', 'saved', 'pictures', 'uploads'] as const

export type GalleryTab = (typeof TABS)[number]

interface Props {
  /** Whether nobody was here before: then it says what this is. */
  first: boolean
  tab?: GalleryTab
  /** A workflow was chosen; the host puts it in place and closes the gallery. */
  onOpen: (opened: Opened) => void
  /** A picture was chosen as an input, if the host has a place for one. */
  onUse?: ((picture: { path: string; url: string }) => void) | undefined
  onClose: () => void
}

/** Everything that can be opened: what ships, what was saved, what jobs drew, what was uploaded, and files that are dropped here. */
export function Gallery({ first, tab: tabAtFirst = 'templates', onOpen, onUse, onClose }: Props) {
  const say = t()
  const [tab, setTab] = useState<GalleryTab>(tabAtFirst)
  const [uploaded, setUploaded] = useState(0)
  const [over, setOver] = useState(false)
  const { busy, problem, attempt } = useAttempt()
  const open = (file: File | undefined) =>
    file &&
    attempt(async (here) => {
      try {
        const opened = await openFile(file)
        if (here()) onOpen(opened)
      } catch (error) {
        if (error instanceof NoWorkflow) {
          setUploaded((count) => count + 1) // it is a new one in the list
          setTab('uploads')
        }
        throw error
      }
    })
  const what = { attempt, onOpen, onUse }
  return (
    <Modal
      title={first ? say('beginning') : say('open')} className="files-gallery" aria-busy={busy} onClose={onClose}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes('Files')) return
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={(event) => event.currentTarget.contains(event.relatedTarget as Element | null) || setOver(false)}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        void open(event.dataTransfer.files[0])
      }}
    >
      {first && <p className="soft files-lead">{say('beginningHelp')}</p>}
      <div className="row files-bar">
        <Tabs names={TABS} chosen={tab} label={(name) => say(name)} onChoose={setTab} />
        <span className="grow" />
        <FileButton label={say('openFile')} title={say('openFileHelp')} icon="file" accept={OPENABLE} onFiles={([file]) => void open(file)} />
      </div>
      <div className="files-body" id={`files-panel-${tab}`} role="tabpanel" aria-labelledby={`files-tab-${tab}`}>
        {tab === 'templates' && <Templates {...what} />}
        {tab === 'saved' && <Saved {...what} />}
        {tab === 'pictures' && <Pictures {...what} />}
        {tab === 'uploads' && <Uploads key={uploaded} {...what} />}
      </div>
      <p className="files-said" role="status">{problem ? <span className="fault">{problem}</span> : busy && say('working')}</p>
      {over && <div className="files-drop">{say('drop')}</div>}
    </Modal>
  )
}
