import { useState } from 'react'

interface Props {
  label: string
  value: number
  least: number
  most: number
  onChange: (value: number) => void
}

/** A whole number to type. What is not one within the range is shown while it is typed, and forgotten after. */
export function NumberBox({ label, value, least, most, onChange }: Props) {
  const [draft, setDraft] = useState<string | null>(null)
  const type = (text: string) => {
    setDraft(text)
    const number = Number(text)
    if (text !== '' && Number.isInteger(number) && number >= least && number <= most) onChange(number)
  }
  return (
    <input
      type="number" className="paint-number" aria-label={label} title={label} min={least} max={most} step={1}
      value={draft ?? value} onChange={(event) => type(event.target.value)} onBlur={() => setDraft(null)}
    />
  )
}
