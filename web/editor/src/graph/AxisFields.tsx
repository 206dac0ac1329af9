import { useLanguage } from '../text/text'
import { edit, useEditor } from '../state/document'
import { toast } from '../fields/toasts'
import { setParams } from '../workflow/drawing'
import type { Node, Path } from '../workflow/types'
import { axisParams, axisText } from './axis'
import { builtinOf } from './sizes'
import { TextField } from './TextField'
import { t } from './texts'

/** What stands on an axis: its name, and its values as one text. */
export function AxisFields({ path, node }: { path: Path; node: Node }) {
  const say = t()
  const language = useLanguage((state) => state.language)
  const catalogue = useEditor((state) => state.catalogue)
  const { name = '', ...rest } = node.params ?? {}
  const set = (params: Record<string, unknown>) => edit((workflow) => setParams(workflow, path, params as never))
  return (
    <>
      <div className="graph-row graph-ports">
        <span />
        <span className="graph-out">{builtinOf(catalogue, node.type)?.labels[language].outputs.value}</span>
      </div>
      <div className="graph-row graph-param">
        <span className="cut">{say('axisName')}</span>
        <TextField label={say('axisName')} value={String(name)} onChange={(text) => set({ name: text, ...rest })} />
      </div>
      <div className="graph-row graph-param" title={say('sweepHelp')}>
        <span className="cut">{say('axisValues')}</span>
        <TextField
          label={say('axisValues')} value={axisText(rest)}
          onChange={(text) => {
            const params = axisParams(text)
            if (!params) return void toast(say('sweepHelp'), { kind: 'bad' })
            set({ name, ...params })
          }}
        />
      </div>
    </>
  )
}
