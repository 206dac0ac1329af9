import { useMenus } from './menu'

interface Props {
  name: string
  label: string
  className: string
  onName: (name: string) => void
}

/** The name of what is being renamed: applied when it is left or by Enter; Escape keeps the old one. */
export function RenameField({ name, label, className, onName }: Props) {
  return (
    <input
      className={`${className} nodrag mono`} defaultValue={name} autoFocus aria-label={label}
      onFocus={(event) => event.target.select()}
      onBlur={(event) => {
        useMenus.setState({ renaming: null })
        if (event.target.value !== name) onName(event.target.value)
      }}
      onKeyDown={(event) => {
        if (event.nativeEvent.isComposing) return
        if (event.key === 'Escape') event.currentTarget.value = name
        if (event.key === 'Enter' || event.key === 'Escape') event.currentTarget.blur()
        event.stopPropagation()
      }}
    />
  )
}
