import type { ReactFlowInstance } from '@xyflow/react'
import type { RefObject } from 'react'
import { edit, redo, select, undo, useEditor, workflow } from '../state/document'
import { lookAt } from '../state/looking'
import { run } from '../state/run'
import { setPlaces } from '../workflow/drawing'
import { allPaths, outermost } from '../workflow/scopes'
import type { Place } from '../workflow/types'
import { copied, duplicate, loopOfSelection, meant, pasted, removeAll, toggleBypass, wrapAll } from './actions'
import { sourcesOf } from './ends'
import { endConnecting, startConnecting } from './Menus'
import { openMenu, openSearch, useMenus } from './menu'

const isText = (target: EventTarget | null) => target instanceof Element && target.closest('input, textarea, select, [contenteditable], dialog, [role=menu], [role=listbox]') !== null

const FIELDS = 'input, textarea, select'
const ARROWS: Record<string, readonly [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
const STEP = 5
const STRIDE = 40

/** Listen to the keys of the canvas, and to copy, cut and paste; gives the way to stop. */
export function keysOfCanvas(area: RefObject<HTMLElement | null>, flow: ReactFlowInstance): () => void {
  /** Where what is added by key goes: beside the selected node, else in the middle. */
  const point = (gap = 180) => {
    const [path] = meant()
    const card = path === undefined ? undefined : document.querySelector(`.react-flow__node[data-id="${CSS.escape(path)}"]`)?.getBoundingClientRect()
    const { left, top, width, height } = area.current!.getBoundingClientRect()
    return card ? { x: card.right + gap, y: card.top + 20 } : { x: left + width / 2, y: top + height / 2.5 }
  }
  let leaving = false
  let moves = 0

  /** The arrows move what is selected; each press is a step of undo, a key held down is one. */
  function arrows(event: KeyboardEvent): void {
    const way = ARROWS[event.key]
    const on = event.target === document.body || event.target === area.current || (event.target as Element).matches?.('.react-flow__node, .react-flow__nodesselection-rect')
    const paths = outermost([...useEditor.getState().selected])
    if (!way || !on || paths.length === 0 || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    event.stopPropagation()
    if (!event.repeat) moves += 1
    const by = event.shiftKey ? STRIDE : STEP
    const places = paths.flatMap((path): [string, Place][] => {
      const { x, y } = flow.getNode(path)?.position ?? {}
      return x === undefined || y === undefined ? [] : [[path, [x + way[0] * by, y + way[1] * by]]]
    })
    edit((workflow) => setPlaces(workflow, Object.fromEntries(places)), `arrows ${moves}`)
  }

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
    if (key === '.' || key === 'contextmenu' || (key === 'f10' && event.shiftKey)) return act(() => openMenu({ ...point(8), ...(path === undefined ? {} : { path }) }))
    if (!path || path.startsWith('#') && path !== '#inputs') return
    if (key === 'f2') return act(() => useMenus.setState({ renaming: path }))
    if (key === 'enter' && (onCanvas || (event.target as Element).matches('.react-flow__node'))) {
      return act(() => document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(path)}"] :is(${FIELDS})`)?.focus())
    }
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

  addEventListener('keydown', arrows, true) // before the graph moves its own copies of the nodes
  document.addEventListener('keydown', keydown)
  document.addEventListener('copy', copies)
  document.addEventListener('cut', copies)
  document.addEventListener('paste', pastes)
  return () => {
    removeEventListener('keydown', arrows, true)
    document.removeEventListener('keydown', keydown)
    document.removeEventListener('copy', copies)
    document.removeEventListener('cut', copies)
    document.removeEventListener('paste', pastes)
  }
}
