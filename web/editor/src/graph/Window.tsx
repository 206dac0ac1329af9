import { memo, useState } from 'react'
import { viewAddress } from '../server/api'
import type { NodeType } from '../server/types'
import { useEditor } from '../state/document'
import { lookAt } from '../state/looking'
import { callAt } from '../state/plan'
import { isActive, useRun } from '../state/run'
import type { Path } from '../workflow/types'
import { pictured } from './sizes'
import { t } from './texts'

/** Pictures of fewer pixels are shown pixel by pixel. */
const SMALL = 140

/** A window on the value of a node: what it gave last, or at the step that its loop shows. */
export const Window = memo(function Window({ path, type }: { path: Path; type: NodeType }) {
  const say = t()
  const output = useEditor((state) => pictured(type, state.catalogue)) ?? ''
  const address = useRun((state) => {
    const run = state.nodes[path]
    if (isActive(state.job) && run?.preview) return viewAddress(run.preview.key, run.preview.output)
    const call = callAt(state.plan, path, state)
    return call && (call.kept || state.made.has(call.key)) ? viewAddress(call.key, output in call.outputs ? output : '') : ''
  })
  const [broken, setBroken] = useState('')
  return (
    <button className="graph-window nodrag" onClick={() => lookAt(path, `out:${output}`)} aria-label={`${say('look')}: ${path}`} tabIndex={-1}>
      {address && broken !== address ? (
        <img
          src={address} alt="" draggable={false} onError={() => setBroken(address)}
          onLoad={({ currentTarget }) => currentTarget.classList.toggle('pixels', currentTarget.naturalHeight < SMALL)}
        />
      ) : (
        <span className="soft">{say('noValue')}</span>
      )}
    </button>
  )
})
