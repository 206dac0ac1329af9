import { useEffect, useState, type SyntheticEvent } from 'react'
import { viewAddress } from '../server/api'
import type { Json } from '../workflow/types'
import { onlyCell, tableOf } from './grid'
import { isGone, jsons, useLoaded, whyText, type ValueSource } from './loaded'
import './look.css'
import { t } from './texts'
import { jsonText } from './written'

interface Props {
  value: ValueSource
  label: string
  /** Told what the value says where it is no picture. */
  onJson?: ((json: Json) => void) | undefined
}

/** The first view of a value, small: its picture, or what it says in a few words. */
export function Thumb({ value, label, onJson }: Props) {
  const say = t()
  const address = viewAddress(value.key, value.output, '', {}, '', value.job ?? '')
  // What is no picture, or not there, is asked for again as data: an <img> does not say why it stays empty.
  const [noPicture, setNoPicture] = useState('')
  const [enlarged, setEnlarged] = useState(false)
  const { value: json, problem } = useLoaded(jsons, noPicture === address ? address : null)
  useEffect(() => {
    if (json !== undefined) onJson?.(json)
  }, [json, onJson])

  if (noPicture !== address) {
    const loaded = ({ currentTarget }: SyntheticEvent<HTMLImageElement>) => setEnlarged(currentTarget.naturalHeight < currentTarget.clientHeight)
    return (
      <img
        className={`look-thumb${enlarged ? ' pixels' : ''}`} src={address} alt={label} loading="lazy" draggable={false}
        onLoad={loaded} onError={() => setNoPicture(address)}
      />
    )
  }
  if (problem) return <span className="look-thumb look-missing soft">{isGone(problem) ? say('missing') : whyText(problem)}</span>
  return <span className="look-thumb look-said">{json === undefined ? '…' : saidBy(json, (rows) => say('rows', { rows }))}</span>
}

/** What a table says in a few words: its only cell, or how long it is. */
function saidBy(json: Json, rowsText: (rows: number) => string): string {
  const table = tableOf(json)
  if (!table) return jsonText(json)
  const only = onlyCell(table)
  return only === undefined ? rowsText(table.rows.length) : jsonText(only)
}
