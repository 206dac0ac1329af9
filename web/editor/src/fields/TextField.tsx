import type { FieldProps } from './Field'
import { described, Frame, placeholder } from './Frame'
import { t } from './texts'
import { useDraft } from './useDraft'

/** A text, or anything else as JSON. While it has the focus it is as large as the text needs. */
export function TextField({ json = false, ...props }: FieldProps & { json?: boolean }) {
  const { id, value, onChange, disabled = false, long = false } = props
  const say = t()
  const draft = useDraft(id, props.schema, value, onChange)
  return (
    <Frame of={props} reason={draft.reason} long={long}>
      <textarea
        // The rows count only in browsers that cannot fit a box to its text.
        className={`fields-text nodrag nowheel${json ? ' mono' : ''}`} rows={Math.min(6, Math.ceil((draft.box.value.length + 1) / (long ? 32 : 16)))}
        spellCheck={false} autoComplete="off" disabled={disabled} placeholder={say(placeholder(props))}
        {...draft.box} {...described(props, draft.reason)}
      />
    </Frame>
  )
}
