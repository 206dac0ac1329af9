import { useMemo, useState, useSyncExternalStore, type KeyboardEvent } from 'react'
import type { Painting } from './painting'
import { Stage } from './Stage'
import { Tools } from './Tools'
import { BRUSH, TOOLS } from './tools'
import { useView } from './useView'
import { ZOOM } from './view'

interface Props {
  painting: Painting
  picture: string
  /** Nothing can be changed now. */
  still: boolean
}

/** The tools beside the picture, and the keys that work wherever the focus is among them. */
export function Easel({ painting, picture, still }: Props) {
  const { mask } = painting
  useSyncExternalStore(painting.listen, () => painting.version)
  const most = Math.max(1, Math.round(Math.max(mask.width, mask.height) / 2))
  const [tool, setTool] = useState(BRUSH)
  const [size, setSize] = useState(Math.max(1, Math.round(most / 6)))
  const [only, setOnly] = useState(false)
  const seeing = useView(useMemo(() => ({ width: mask.width, height: mask.height }), [mask]))

  const keyDown = (event: KeyboardEvent) => {
    const done = still || event.nativeEvent.isComposing || takesText(event.target) ? false : shortcut(event)
    if (done) event.preventDefault()
  }

  const shortcut = (event: KeyboardEvent): boolean => {
    const key = event.key.toLowerCase()
    // Brackets need AltGr on some keyboards, which comes as Ctrl and Alt.
    if (key === '[') setSize(Math.max(1, Math.min(size - 1, Math.round(size / 1.2))))
    else if (key === ']') setSize(Math.min(most, Math.max(size + 1, Math.round(size * 1.2))))
    else if (event.altKey) return false
    else if (event.ctrlKey || event.metaKey) {
      if (key === 'z' && !event.shiftKey) painting.undo()
      else if (key === 'z' || key === 'y') painting.redo()
      else return false
    } else if (key === '+' || key === '=') seeing.zoom(ZOOM)
    else if (key === '-') seeing.zoom(1 / ZOOM)
    else if (key === '0') seeing.fit()
    else {
      const taken = TOOLS.find(({ keys }) => keys.toLowerCase() === (event.shiftKey ? `shift+${key}` : key))
      if (taken) setTool(taken)
      return Boolean(taken)
    }
    return true
  }

  return (
    <div className="paint-easel" inert={still} onKeyDown={keyDown}>
      <Tools
        painting={painting} tool={tool} setTool={setTool} size={size} most={most} setSize={setSize} only={only} setOnly={setOnly} seeing={seeing}
      />
      <div className="paint-middle">
        <Stage painting={painting} picture={picture} tool={tool} size={size} only={only} seeing={seeing} />
      </div>
    </div>
  )
}

const takesText = (target: EventTarget) => target instanceof HTMLInputElement && target.type === 'number'
