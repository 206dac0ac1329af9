import { Handle, Position } from '@xyflow/react'
import { memo } from 'react'
import { lookAt } from '../state/looking'
import { useEditor } from '../state/document'
import { tinted } from './colours'
import type { Socket as Place } from './sizes'
import { t } from './texts'

interface Props {
  path: string
  socket: Place
  kind: string | null
  name: string
  /** It reads a list, or takes the axes away. */
  many?: boolean
  linked?: boolean
}

/** A round place where wires begin and end; a click shows the value that is there. */
export const Socket = memo(function Socket({ path, socket, kind, name, many, linked }: Props) {
  const say = t()
  const catalogue = useEditor((state) => state.catalogue)
  const label = say(socket.type === 'source' ? 'socketOut' : 'socketIn', { name, type: kind ?? '?' })
  return (
    <Handle
      id={socket.id}
      type={socket.type}
      position={socket.side === 'left' ? Position.Left : Position.Right}
      className={`graph-socket${many ? ' graph-many' : ''}${linked ? ' graph-linked' : ''}`}
      style={{ ...tinted(catalogue, kind), left: socket.x, top: socket.y }}
      title={label}
      onClick={(event) => {
        event.stopPropagation()
        lookAt(path, socket.id)
      }}
    />
  )
})
