import { useId, useState } from 'react'
import type { ParamSchema } from '../server/types'
import type { Json } from '../workflow/types'
import { controlOf, isWord, pieceText } from './controls'
import { NumberField } from './NumberField'
import { t } from './texts'
import { numberOf } from './written'
import { Words } from './Words'

interface Props {
  name: string
  schema: ParamSchema
  value: Json
  /** Names that the value itself has for this: offered while typing. */
  offers: string[]
  words: string[]
  onValue: (value: Json) => void
}

/** One param of a view, with the control that its schema asks for. */
export function ParamControl({ name, schema, value, offers, words, onValue }: Props) {
  const say = t()
  const id = `${useId()}.${name}`
  const control = controlOf(schema)
  const label = name.replaceAll('_', ' ')
  const byWord = isWord(name) && words.length > 0
  const group = control.as === 'segments' || byWord || (control.as === 'number' && control.all)

  return (
    <div className={`look-param${byWord ? ' look-wide' : ''}`} {...(group ? { role: 'group', 'aria-label': label } : {})}>
      {group ? <span className="soft">{label}</span> : <label className="soft" htmlFor={id}>{label}</label>}
      {control.as === 'switch' && <input type="checkbox" id={id} checked={value === true} onChange={(event) => onValue(event.target.checked)} />}
      {control.as === 'segments' && (
        <span className="look-segments">
          {control.options.map((option) => (
            <button key={option} type="button" aria-pressed={value === option} onClick={() => onValue(option)}>{option}</button>
          ))}
        </span>
      )}
      {control.as === 'choice' && (
        <select id={id} value={String(value)} onChange={(event) => onValue(event.target.value)}>
          {control.options.map((option) => <option key={option}>{option}</option>)}
        </select>
      )}
      {control.as === 'number' && (
        <>
          {control.all && <button type="button" aria-pressed={numberOf(value) === -1} onClick={() => onValue(-1)}>{say('all')}</button>}
          {byWord && <Words words={words} chosen={numberOf(value)} onChoose={onValue} />}
          <NumberField
            id={id} control={control} label={label} empty={control.all ? '' : say('automatic')} onValue={onValue}
            value={control.all && numberOf(value) === -1 ? null : numberOf(value)}
          />
        </>
      )}
      {control.as === 'text' && (
        <>
          {byWord && (
            <Words
              words={words} chosen={words.findIndex((piece) => pieceText(piece) === value)}
              onChoose={(place) => onValue(pieceText(words[place] ?? ''))}
            />
          )}
          <TextField id={id} value={typeof value === 'string' ? value : ''} empty={say('automatic')} offers={offers} onValue={onValue} />
        </>
      )}
    </div>
  )
}

interface TextFieldProps {
  id: string
  value: string
  empty: string
  offers: string[]
  onValue: (value: string) => void
}

/** A text that is taken when it is finished: by Enter, by leaving it, or by choosing an offer. */
function TextField({ id, value, empty, offers, onValue }: TextFieldProps) {
  const [typed, setTyped] = useState<string | null>(null)
  const finish = (text: string | null) => {
    if (text !== null && text !== value) onValue(text)
    setTyped(null)
  }
  return (
    <>
      <input
        id={id} value={typed ?? value} placeholder={empty} size={14} {...(offers.length ? { list: `${id}.offers` } : {})}
        onChange={(event) => (offers.includes(event.target.value) ? finish(event.target.value) : setTyped(event.target.value))}
        onBlur={() => finish(typed)}
        onKeyDown={(event) => event.key === 'Enter' && !event.nativeEvent.isComposing && finish(typed)}
      />
      {offers.length > 0 && <datalist id={`${id}.offers`}>{offers.map((offer) => <option key={offer} value={offer} />)}</datalist>}
    </>
  )
}
