import { useRef, useState, type DragEvent } from 'react'
import type { FieldProps } from './Field'
import { described, Frame, placeholder } from './Frame'
import { PictureIcon } from './icons'
import { textOf } from './schema'
import { t } from './texts'
import { gesture, useDraft } from './useDraft'

/** A file by its path: typed, chosen among known ones, or a picture that is uploaded. */
export function FileField(props: FieldProps) {
  const { id, label, schema, value, onChange, disabled = false, files = [], onUpload, thumbnail } = props
  const say = t()
  const draft = useDraft(id, schema, value, onChange)
  const chooser = useRef<HTMLInputElement>(null)
  const [upload, setUpload] = useState<{ fault: string | null } | null>(null)
  const [over, setOver] = useState(false)
  const busy = upload !== null && upload.fault === null
  const path = textOf(schema, value)
  const picture = path ? thumbnail?.(path) : null
  const reason = draft.reason ?? (upload?.fault ? say('notUploaded', { why: upload.fault }) : null)

  async function send(file: File | undefined) {
    if (!file || !onUpload) return
    setUpload({ fault: null })
    try {
      onChange(await onUpload(file), gesture(id))
      setUpload(null)
    } catch (error) {
      setUpload({ fault: error instanceof Error ? error.message : String(error) })
    }
  }

  function drop(event: DragEvent) {
    setOver(false)
    if (!takesFiles(event)) return
    event.preventDefault()
    event.stopPropagation()
    void send(event.dataTransfer.files[0])
  }

  const takesFiles = (event: DragEvent) => Boolean(onUpload) && !disabled && event.dataTransfer.types.includes('Files')

  return (
    <div
      className={over ? 'fields-drop' : undefined} onDrop={drop} onDragLeave={() => setOver(false)}
      onDragOver={(event) => {
        if (!takesFiles(event)) return
        event.preventDefault()
        event.stopPropagation()
        setOver(true)
      }}
    >
      <Frame of={props} reason={reason} wide>
        <input
          type="text" className="fields-path nodrag" list={files.length ? `${id}-files` : undefined} autoComplete="off" spellCheck={false} title={path || undefined}
          disabled={disabled || busy} placeholder={busy ? say('uploading') : say(placeholder(props))}
          {...draft.box} {...(busy ? { value: '' } : {})} {...described(props, reason)}
        />
        {files.length > 0 && <datalist id={`${id}-files`}>{files.map((file) => <option key={file} value={file} />)}</datalist>}
        {onUpload && (
          <>
            <button type="button" className="fields-small nodrag" disabled={disabled || busy} aria-busy={busy}
              title={say('picture', { label })} aria-label={say('picture', { label })} onClick={() => chooser.current?.click()}>
              {picture ? <img src={picture} alt="" className="pixels" /> : <PictureIcon />}
            </button>
            <input
              ref={chooser} type="file" accept="image/*" hidden tabIndex={-1} aria-hidden="true"
              onChange={(event) => {
                void send(event.target.files?.[0])
                event.target.value = ''
              }}
            />
          </>
        )}
        {!onUpload && picture && <img src={picture} alt="" className="fields-thumbnail pixels" />}
      </Frame>
    </div>
  )
}
