import { BaseEdge, getBezierPath, type EdgeProps } from '@xyflow/react'
import { memo } from 'react'
import { useEditor } from '../state/document'
import { tinted } from './colours'

/** A wire in the colour of what it carries; one that carries the values of every iteration is drawn double. */
export const Wire = memo(function Wire({ id, sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, data, selected }: EdgeProps) {
  const catalogue = useEditor((state) => state.catalogue)
  const [path] = getBezierPath({ sourceX, sourceY, sourcePosition, targetX, targetY, targetPosition, curvature: 0.3 })
  const kind = (data?.kind ?? null) as string | null
  return (
    <g style={tinted(catalogue, kind)} className={`graph-wire${selected ? ' graph-selected' : ''}`}>
      <BaseEdge id={id} path={path} interactionWidth={14} />
      {Boolean(data?.every) && <path d={path} className="graph-wire-every" />}
    </g>
  )
})
