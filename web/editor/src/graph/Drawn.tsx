import { NodeResizeControl, type NodeProps } from '@xyflow/react'
import { memo } from 'react'
import { edit, useWorkflow } from '../state/document'
import { setDrawn } from '../workflow/drawing'
import type { Place } from '../workflow/types'
import { TextField } from './TextField'
import { t } from './texts'

const indexOf = (id: string) => Number(id.split(':')[1])
const sized = (x: number, y: number, width: number, height: number) => [x, y, width, height].map(Math.round) as Place

/** A note on the canvas. */
export const NoteCard = memo(function NoteCard({ id, selected }: NodeProps) {
  const say = t()
  const note = useWorkflow((workflow) => workflow.layout?.['#notes']?.[indexOf(id)])
  if (!note) return null
  return (
    <aside className={`graph-note${selected ? ' graph-selected' : ''}`} aria-label={say('note')}>
      <textarea
        className="nodrag nowheel" aria-label={say('noteText')} placeholder={say('noteText')} value={note.text}
        onChange={(event) => edit((workflow) => setDrawn(workflow, '#notes', indexOf(id), { text: event.target.value }), `${id}.text`)}
        onKeyDown={(event) => event.stopPropagation()}
      />
      <NodeResizeControl
        className="graph-resize" minWidth={120} minHeight={60}
        onResizeEnd={(_, { x, y, width, height }) => edit((workflow) => setDrawn(workflow, '#notes', indexOf(id), { at: sized(x, y, width, height) }))}
      />
    </aside>
  )
})

/** A titled frame behind nodes that belong together. */
export const FrameCard = memo(function FrameCard({ id, selected }: NodeProps) {
  const say = t()
  const frame = useWorkflow((workflow) => workflow.layout?.['#frames']?.[indexOf(id)])
  if (!frame) return null
  return (
    <section className={`graph-frame${selected ? ' graph-selected' : ''}`} aria-label={frame.title || say('frame')}>
      <TextField label={say('frameTitle')} placeholder={say('frameTitle')} value={frame.title} onChange={(title) => edit((workflow) => setDrawn(workflow, '#frames', indexOf(id), { title }))} />
      <NodeResizeControl
        className="graph-resize" minWidth={120} minHeight={80}
        onResizeEnd={(_, { x, y, width, height }) => edit((workflow) => setDrawn(workflow, '#frames', indexOf(id), { at: sized(x, y, width, height) }))}
      />
    </section>
  )
})
