import { useRef, type KeyboardEvent } from 'react'
import { isNum, numberText } from '../workflow/json'
import type { Num } from '../workflow/types'
import type { FieldProps } from './Field'
import { described, Frame, placeholder } from './Frame'
import { DiceIcon } from './icons'
import { canRoll, moved, pixelsPerStep, roll, share, stepOf } from './number'
import { simple } from './schema'
import { t } from './texts'
import { gesture, useDraft } from './useDraft'
import { useScrub } from './useScrub'

const KEYS: Record<string, number> = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }

/** A number: typed, stepped by arrow keys, or dragged sideways by its label or itself. */
export function NumberField(props: FieldProps) {
  const { id, label, value, onChange, disabled = false } = props
  const say = t()
  const { schema } = simple(props.schema)
  const draft = useDraft(id, props.schema, value, onChange)
  const input = useRef<HTMLInputElement>(null)
  const from = useRef<{ number: Num; by: number; merge: string }>({ number: 0, by: 1, merge: id })

  const shown = isNum(value) ? value : isNum(schema.default) ? schema.default : undefined
  const start = shown ?? schema.minimum ?? 0
  const place = shown === undefined ? null : share(schema, shown)

  const scrub = useScrub({
    disabled,
    onStart: () => {
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur()
      from.current = { number: start, by: stepOf(schema, shown), merge: gesture(id) }
    },
    onMove: (pixels, fine) => {
      const { number, by, merge } = from.current
      const steps = pixels / pixelsPerStep(schema, by)
      const next = moved(schema, number, fine && schema.type === 'number' ? Math.round(steps * 10) / 10 : Math.round(steps), by)
      if (shown === undefined || numberText(next) !== numberText(shown)) onChange(next, merge)
    },
    onClick: () => input.current?.focus(),
  })

  function step(event: KeyboardEvent<HTMLInputElement>) {
    const steps = KEYS[event.key]
    if (steps === undefined || event.nativeEvent.isComposing) return draft.box.onKeyDown(event)
    event.preventDefault()
    event.stopPropagation()
    draft.put(shown === undefined ? start : moved(schema, shown, steps, stepOf(schema, shown)))
  }

  return (
    <Frame of={props} reason={draft.reason} wide={canRoll(schema)} scrub={scrub}>
      <span className="fields-number">
        <input
          ref={input} type="text" role="spinbutton" inputMode={schema.type === 'integer' ? 'numeric' : 'decimal'} autoComplete="off"
          className="fields-scrub nodrag" disabled={disabled} placeholder={say(placeholder(props))}
          aria-valuenow={shown === undefined ? undefined : Number(shown)} aria-valuetext={draft.box.value || say(placeholder(props))}
          aria-valuemin={bound(schema.minimum)} aria-valuemax={bound(schema.maximum)}
          {...draft.box} {...described(props, draft.reason)} {...scrub}
          onKeyDown={step}
          onFocus={(event) => {
            draft.box.onFocus(event)
            event.currentTarget.select()
          }}
        />
        {place !== null && <i className="fields-place" style={{ width: `${place * 100}%` }} />}
      </span>
      {canRoll(schema) && (
        <button type="button" className="fields-small plain nodrag" disabled={disabled} title={say('random', { label })} aria-label={say('random', { label })}
          onClick={() => onChange(roll(schema), gesture(id))}>
          <DiceIcon />
        </button>
      )}
    </Frame>
  )
}

const bound = (value: Num | undefined) => (value === undefined ? undefined : Number(value))
