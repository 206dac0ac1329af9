import { t } from './texts'

interface Props {
  text: string
  onText: (text: string) => void
  /** How many fit, told to who cannot see the list. */
  count: number
}

/** Where a list is filtered as one types. */
export function SearchField({ text, onText, count }: Props) {
  const say = t()
  return (
    <>
      <input
        type="search" className="files-search" placeholder={say('search')} aria-label={say('search')} value={text}
        onChange={(event) => onText(event.target.value)}
      />
      <span className="hidden" role="status">{text && say('found', { count })}</span>
    </>
  )
}

/** Whether every word of the search is somewhere in these texts. */
export function fits(search: string, ...inside: string[]): boolean {
  const all = inside.join('\n').normalize('NFKC').toLowerCase()
  return search.normalize('NFKC').toLowerCase().split(/\s+/).every((word) => all.includes(word))
}
