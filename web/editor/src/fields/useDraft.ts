import { useRef, useState, type ChangeEvent, type CompositionEvent, type FocusEvent, type KeyboardEvent } from 'react'
import type { ParamSchema } from '../server/types'
import type { Json } from '../workflow/types'
import { coerceText, same, textOf, validate } from './schema'

type Box = HTMLInputElement | HTMLTextAreaElement
type Change = (value: Json | undefined, merge: string) => void

let gestures = 0

/** A key that no other gesture has: the changes under it are one entry of the undo history. */
export const gesture = (id: string) => `${id}#${++gestures}`

/**
 * The text in a box while it is typed. What can be read is applied at once; what cannot stays, with the reason, until it is
 * mended or the value changes elsewhere. Enter applies and leaves, Escape takes back whatever was done since the box had the focus.
 */
export function useDraft(id: string, schema: ParamSchema, value: Json | undefined, onChange: Change) {
  const [kept, setDraft] = useState<{ text: string; over: (Json | undefined)[] } | null>(null)
  const visit = useRef({ merge: id, value })
  const draft = kept?.over.some((one) => same(one, value)) ? kept.text : null
  if (kept && draft === null) setDraft(null)
  const coerced = draft === null ? null : coerceText(schema, draft)
  const reason = coerced === null ? value === undefined ? null : validate(schema, value) : 'reason' in coerced ? coerced.reason : null

  function take(text: string, composing: boolean) {
    const next = coerceText(schema, text)
    const applied = composing || 'reason' in next ? value : next.value
    setDraft({ text, over: [value, applied] })
    if (!same(applied, value)) onChange(applied, visit.current.merge)
  }

  function put(next: Json | undefined) {
    setDraft(null)
    if (!same(next, value)) onChange(next, visit.current.merge)
  }

  return {
    reason,
    /** Sets the value without typing, as part of the present visit. */
    put,
    box: {
      id,
      value: draft ?? textOf(schema, value),
      'aria-invalid': reason !== null,
      onChange: (event: ChangeEvent<Box>) => take(event.target.value, (event.nativeEvent as InputEvent).isComposing),
      onCompositionEnd: (event: CompositionEvent<Box>) => take(event.currentTarget.value, false),
      onFocus: (_: FocusEvent<Box>) => {
        visit.current = { merge: gesture(id), value }
      },
      onBlur: () => {
        if (reason === null) setDraft(null)
      },
      onKeyDown: (event: KeyboardEvent<Box>) => {
        if (isOfText(event)) event.stopPropagation()
        if (event.nativeEvent.isComposing) return
        if (event.key === 'Enter' && !event.shiftKey && !event.ctrlKey && !event.metaKey) {
          event.preventDefault()
          if (coerced === null || 'value' in coerced) event.currentTarget.blur()
        } else if (event.key === 'Escape') {
          put(visit.current.value)
          event.currentTarget.blur()
        }
      },
    },
  }
}

/** Whether a key means something to the text, undo for one, and so must not reach the editor's shortcuts. */
function isOfText({ key, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  return ctrlKey || metaKey ? 'zyxcva'.includes(key.toLowerCase()) : !altKey && !/^F\d/.test(key)
}
