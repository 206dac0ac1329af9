import { useState } from 'react'
import { typedNumber, type Control } from './controls'
import { short } from './written'

interface Props {
  id: string
  control: Control & { as: 'number' }
  value: number | null
  /** Shown where there is no value. */
  empty: string
  label?: string
  onValue: (value: number) => void
}

/** A number to be typed, with a slider where it has two ends. Only what is in its range is taken. */
export function NumberField({ id, control, value, empty, label, onValue }: Props) {
  const [typed, setTyped] = useState<string | null>(null)
  const ends = { ...(control.low !== null ? { min: control.low } : {}), ...(control.high !== null ? { max: control.high } : {}) }
  const step = control.whole ? 1 : control.bounded ? ((control.high ?? 1) - (control.low ?? 0)) / 200 : 'any'
  const take = (text: string) => {
    setTyped(text)
    const number = typedNumber(text, control)
    if (number !== null) onValue(number)
  }
  return (
    <>
      {control.bounded && (
        <input
          type="range" className="look-slide" {...ends} step={step} value={value ?? control.low ?? 0} aria-label={label ?? id.split('.').at(-1)}
          onChange={(event) => onValue(Number(event.target.value))}
        />
      )}
      <input
        type="number" id={id} className="look-number" {...ends} step={control.whole ? 1 : 'any'} placeholder={empty} aria-label={label}
        value={typed ?? (value === null ? '' : short(value))} onChange={(event) => take(event.target.value)} onBlur={() => setTyped(null)}
      />
    </>
  )
}
