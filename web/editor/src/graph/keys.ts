import type { ReactFlowInstance } from '@xyflow/react'
import type { RefObject } from 'react'
import { redo, select, undo, useEditor, workflow } from '../state/document'
import { lookAt } from '../state/looking'
import { run } from '../state/run'
import { allPaths } from '../workflow/scopes'
import { copied, duplicate, loopOfSelection, meant, pasted, removeAll, toggleBypass, wrapAll } from './actions'
import { sourcesOf } from './ends'
import { endConnecting, startConnecting } from './Menus'
import { openSearch } from './menu'

const isText = (target: EventTarget | null) => target instanceof Element && target.closest('input, textarea, select, [contenteditable], dialog, [role=menu], [role=listbox]') !== null

/** Listen to the keys of the canvas, and to copy, cut and paste; gives the way to stop. */
export function keysOfCanvas(area: RefObject<HTMLElement | null>, flow: ReactFlowInstance): () => void {
  /** Where what is added by key goes: beside the selected node, else in the middle. */
  const point = () => {
    const [path] = meant()
    const card = path === undefined ? undefined : document.querySelector(`.react-flow__node[data-id="${CSS.escape(path)}"]`)?.getBoundingClientRect()
    const { left, top, width, height } = area.current!.getBoundingClientRect()
    return card ? { x: card.right + 180, y: card.top + 20 } : { x: left + width / 2, y: top + height / 2.5 }
  }
  let leaving = false

  function keydown(event: KeyboardEvent): void {
    if (event.isComposing || event.defaultPrevented) return
    const command = event.ctrlKey || event.metaKey
    const key = event.key.toLowerCase()
    if (command && key === 'enter') return event.preventDefault(), void run()
    if (isText(event.target)) return
    const onCanvas = event.target === document.body || event.target === area.current
    const paths = meant()
    const [path] = paths
    const act = (does: () => void) => (event.preventDefault(), does())
    if (command && key === 'z') return act(event.shiftKey ? redo : undo)
    if (command && key === 'y') return act(redo)
    if (command && key === 'a') return act(() => select(allPaths(workflow())))
    if (command && key === 'd' && path) return act(() => duplicate(paths))
    if (command && key === 'l' && path) return act(() => wrapAll(paths))
    if (command || event.altKey) return
    if (key === 'escape') {
      leaving = true
      return select([])
    }
    if ((key === ' ' && (onCanvas || event.target instanceof SVGElement || area.current?.contains(event.target as Node))) || (key === 'tab' && onCanvas && !event.shiftKey && !leaving)) {
      if (event.target instanceof HTMLButtonElement) return
      return act(() => openSearch(point()))
    }
    leaving = false
    if ((key === 'delete' || key === 'backspace') && path) return act(() => removeAll(paths))
    if (key === 'f' || key === '1') return act(() => void flow.fitView({ padding: 0.12, maxZoom: 1 }))
    if (key === '+' || key === '=') return act(() => void flow.zoomIn())
    if (key === '-') return act(() => void flow.zoomOut())
    if (!path || path.startsWith('#') && path !== '#inputs') return
    if (key === 'b') return act(() => toggleBypass(paths))
    if (key === 'c') return act(() => (event.shiftKey ? endConnecting : startConnecting)(path, point()))
    if (key === 'l') {
      const source = sourcesOf(path).find(({ socket }) => socket.startsWith('out:'))
      if (source) return act(() => lookAt(path, source.socket))
    }
  }

  const copies = (event: ClipboardEvent) => {
    if (isText(event.target) || String(getSelection() ?? '')) return
    const text = copied(meant())
    if (!text) return
    event.clipboardData?.setData('text/plain', text)
    event.preventDefault()
    if (event.type === 'cut') removeAll(meant())
  }
  const pastes = (event: ClipboardEvent) => {
    if (isText(event.target)) return
    const text = event.clipboardData?.getData('text/plain')
    if (text?.trim().startsWith('{')) {
      event.preventDefault()
      pasted(text, useEditor.getState().selected.size ? loopOfSelection() : null)
    }
  }

  document.addEventListener('keydown', keydown)
  document.addEventListener('copy', copies)
  document.addEventListener('cut', copies)
  document.addEventListener('paste', pastes)
  return () => {
    document.removeEventListener('keydown', keydown)
    document.removeEventListener('copy', copies)
    document.removeEventListener('cut', copies)
    document.removeEventListener('paste', pastes)
  }
}
