import { useState } from 'react'
import { api } from '../server/api'
import type { Upload } from '../server/types'
import { useLanguage } from '../text/text'
import { Ask } from './Ask'
import { bytesText } from './bytes'
import { FileButton } from './FileButton'
import { UPLOADABLE, uploadPicture } from './openFile'
import { unsaved, type Opened } from './opened'
import { PictureGrid } from './PictureGrid'
import { t } from './texts'
import type { Attempt } from './useAttempt'
import { useLoaded } from './useLoaded'
import { Waiting } from './Waiting'

interface Props {
  attempt: Attempt
  onOpen: (opened: Opened) => void
  onUse: ((picture: { path: string; url: string }) => void) | undefined
}

/** The pictures that were sent for workflows to read, the newest first. */
export function Uploads({ attempt, onOpen, onUse }: Props) {
  const say = t()
  const language = useLanguage((state) => state.language)
  const [asked, setAsked] = useState('')
  const { value, problem, reload } = useLoaded(api.uploads)
  if (!value) return <Waiting problem={problem} onAgain={reload} />
  const upload = (files: File[]) =>
    attempt(async () => {
      try {
        for (const file of files) await uploadPicture(file)
      } finally {
        await reload()
      }
    })
  const open = ({ name }: Upload) =>
    attempt(async (here) => {
      const recipe = await api.uploadRecipe(name)
      if (here()) onOpen(unsaved(recipe))
    })
  const remove = ({ name }: Upload) =>
    attempt(async () => {
      await api.deleteUpload(name)
      await reload()
    })
  const room = { bytes: bytesText(value.bytes, language), limit: bytesText(value.limit, language) }
  return (
    <PictureGrid
      items={value.uploads.map((one) => ({ ...one, about: bytesText(one.bytes, language) }))}
      above={
        <>
          <div className="row files-tools">
            <FileButton label={say('upload')} icon="upload" accept={UPLOADABLE} multiple onFiles={upload} />
            <span className="soft">{say('room', room)}</span>
          </div>
          {value.uploads.length === 0 && <p className="files-empty soft">{say('noUploads')}</p>}
        </>
      }
      actions={(one) => (
        <>
          {onUse && <button type="button" className="primary" onClick={() => onUse({ path: one.path, url: one.url })}>{say('use')}</button>}
          <button type="button" onClick={() => open(one)}>{say('openWorkflow')}</button>
          <button type="button" aria-expanded={asked === one.name} onClick={() => setAsked(one.name)}>{say('delete')}</button>
        </>
      )}
      question={(one) => asked === one.name && <Ask question={say('deleteUpload')} onDelete={() => remove(one)} onKeep={() => setAsked('')} />}
    />
  )
}
