import { write } from '../workflow/json'
import type { Json } from '../workflow/types'
import type { FieldProps } from './Field'
import { described, Frame } from './Frame'
import { same, validate } from './schema'
import { t } from './texts'
import { gesture } from './useDraft'

/** One of several values. */
export function Choice({ choices, ...props }: FieldProps & { choices: Json[] }) {
  const { id, schema, value, onChange, disabled = false } = props
  const say = t()
  const reason = value === undefined ? null : validate(schema, value)
  const at = choices.findIndex((choice) => same(choice, value === undefined ? schema.default : value))
  const name = (choice: Json) =>
    typeof choice === 'string' ? choice : choice === null ? say('none') : typeof choice === 'boolean' ? say(choice ? 'on' : 'off') : write(choice)
  return (
    <Frame of={props} reason={reason}>
      <select
        id={id} className="nodrag" disabled={disabled} value={at} aria-invalid={reason !== null} {...described(props, reason)}
        onChange={(event) => onChange(choices[Number(event.target.value)], gesture(id))}
        // Some browsers turn the wheel over a focused list into another choice.
        onWheel={(event) => event.currentTarget.blur()}
      >
        {at < 0 && <option value={-1} disabled>{value === undefined ? say('choose') : name(value)}</option>}
        {choices.map((choice, index) => <option key={index} value={index}>{name(choice)}</option>)}
      </select>
    </Frame>
  )
}

/** On or off. */
export function Switch(props: FieldProps) {
  const { id, schema, value, onChange, disabled = false } = props
  const reason = value === undefined ? null : validate(schema, value)
  return (
    <Frame of={props} reason={reason}>
      <input
        id={id} type="checkbox" role="switch" className="fields-switch nodrag" disabled={disabled} checked={(value ?? schema.default) === true}
        aria-invalid={reason !== null} {...described(props, reason)} onChange={(event) => onChange(event.target.checked, gesture(id))}
      />
    </Frame>
  )
}
