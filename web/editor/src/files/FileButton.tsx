import { useRef } from 'react'
import { Icon } from './icons'

interface Props {
  label: string
  title?: string
  icon: 'file' | 'upload'
  accept: string
  multiple?: boolean
  onFiles: (files: File[]) => void
}

/** A button that lets files be chosen. */
export function FileButton({ label, title, icon, accept, multiple = false, onFiles }: Props) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <button type="button" title={title} onClick={() => input.current?.click()}><Icon of={icon} />{label}</button>
      <input
        ref={input} type="file" hidden accept={accept} multiple={multiple}
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])]
          currentTarget.value = '' // the same file can be chosen again
          if (files.length > 0) onFiles(files)
        }}
      />
    </>
  )
}
