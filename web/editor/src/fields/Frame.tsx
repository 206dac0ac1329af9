import type { HTMLAttributes, ReactNode } from 'react'
import { gesture } from './useDraft'
import type { FieldProps } from './Field'
import { ResetIcon } from './icons'
import { same } from './schema'
import { t } from './texts'

interface Props {
  of: FieldProps
  reason?: string | null
  /** The control is a box of several lines, below the label. */
  long?: boolean
  /** The control needs more of the line than the label. */
  wide?: boolean
  /** Dragging the label does this. */
  scrub?: HTMLAttributes<HTMLLabelElement> | undefined
  children: ReactNode
}

/** What all fields have: the label, the way back to the default, the control, and why it is wrong, in full while it has the focus. */
export function Frame({ of, reason = null, long = false, wide = false, scrub, children }: Props) {
  const say = t()
  const { id, label, schema, value, disabled = false, onChange } = of
  const changed = value !== undefined && (schema.default === undefined ? !schema.required : !same(value, schema.default))
  const about = schema.description?.replaceAll('`', '')
  const shape = `${long ? ' fields-long' : ''}${wide ? ' fields-wide' : ''}${value === undefined ? ' fields-unset' : ''}`
  return (
    <div className={`fields-field${shape}`}>
      <div className="fields-line">
        <label htmlFor={id} className={scrub ? 'fields-label fields-scrub nodrag cut' : 'fields-label cut'} title={about ? `${label}: ${about}` : label} {...scrub}>
          {label}
        </label>
        {reason !== null && <span className="fields-mark" title={reason} aria-hidden="true">!</span>}
        {changed && !disabled && (
          <button type="button" className="fields-small plain nodrag" title={say('reset', { label })} aria-label={say('reset', { label })}
            onClick={() => {
              onChange(undefined, gesture(id))
              // The button goes away, and the focus must not go with it.
              document.getElementById(id)?.focus()
            }}>
            <ResetIcon />
          </button>
        )}
        <div className="fields-control">{children}</div>
      </div>
      {about && <span id={`${id}-about`} className="hidden">{about}</span>}
      {reason !== null && <p id={`${id}-reason`} className="fields-reason fault" aria-live="polite">{reason}</p>}
    </div>
  )
}

/** What describes the control, by id. */
export const described = ({ id, schema }: FieldProps, reason: string | null = null) => ({
  'aria-describedby': `${schema.description ? `${id}-about` : ''} ${reason === null ? '' : `${id}-reason`}`.trim() || undefined,
})

/** What an empty box says: that a value is needed, that there is none, or that the text is empty. */
export function placeholder({ schema, value }: FieldProps): 'required' | 'none' | 'empty' {
  const shown = value === undefined ? schema.default : value
  return shown === '' ? 'empty' : shown === undefined && schema.required ? 'required' : 'none'
}
