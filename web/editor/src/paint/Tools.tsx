import { useState, type ReactNode } from 'react'
import { ICONS } from './icons'
import { BLACK, fill, invert, WHITE, whole, type Box, type Mask } from './mask'
import { NumberBox } from './NumberBox'
import type { Painting } from './painting'
import { feather, grow, shrink } from './soften'
import { t } from './texts'
import { TOOLS, type Tool } from './tools'
import type { Seeing } from './useView'
import { ZOOM } from './view'

interface Props {
  painting: Painting
  tool: Tool
  setTool: (tool: Tool) => void
  size: number
  most: number
  setSize: (size: number) => void
  only: boolean
  setOnly: (only: boolean) => void
  seeing: Seeing
}

/** Farther than this takes seconds on a large picture. */
const FARTHEST = 64

/** What can be held, what can be done to the mask as a whole, and how it is seen. */
export function Tools({ painting, tool, setTool, size, most, setSize, only, setOnly, seeing }: Props) {
  const say = t()
  const [reach, setReach] = useState(Math.min(16, Math.max(2, Math.round(most / 16))))
  const all = (change: (mask: Mask) => Box) => () => {
    painting.draw(change)
    painting.keep()
  }

  return (
    <div className="paint-tools">
      <Group title={say('tools')}>
        {TOOLS.map((each) => {
          const Icon = ICONS[each.name]
          return (
            <button
              key={each.name} type="button" className="paint-tool" aria-pressed={tool === each} onClick={() => setTool(each)}
              title={say('opposite', { tool: say(each.name), keys: each.keys })}
            >
              <Icon />{say(each.name)}
            </button>
          )
        })}
        <div className="row paint-wide">
          <span aria-hidden="true">{say('size')}</span>
          <input
            type="range" className="grow" aria-label={say('sizeKeys')} title={say('sizeKeys')} min={1} max={most} value={size}
            onChange={(event) => setSize(Number(event.target.value))}
          />
          <NumberBox label={say('sizeKeys')} value={size} least={1} most={most} onChange={setSize} />
        </div>
        <button type="button" title="Ctrl+Z" disabled={!painting.canUndo} onClick={() => painting.undo()}><ICONS.undo />{say('undo')}</button>
        <button type="button" title="Ctrl+Shift+Z" disabled={!painting.canRedo} onClick={() => painting.redo()}>
          <ICONS.redo />{say('redo')}
        </button>
      </Group>

      <Group title={say('mask')}>
        <button type="button" onClick={all((mask) => fill(mask, whole(mask), WHITE))}>{say('fill')}</button>
        <button type="button" onClick={all((mask) => fill(mask, whole(mask), BLACK))}>{say('clear')}</button>
        <button type="button" onClick={all(invert)}>{say('invert')}</button>
        <button type="button" onClick={all((mask) => feather(mask, reach))}>{say('feather')}</button>
        <button type="button" onClick={all((mask) => grow(mask, reach))}>{say('grow')}</button>
        <button type="button" onClick={all((mask) => shrink(mask, reach))}>{say('shrink')}</button>
        <div className="row paint-wide">
          <span className="grow" aria-hidden="true">{say('reach')}</span>
          <NumberBox label={say('reachOf')} value={reach} least={1} most={FARTHEST} onChange={setReach} />
        </div>
      </Group>

      <Group title={say('view')}>
        <div className="row paint-wide">
          <button type="button" className="icon" aria-label={say('farther')} title={`${say('farther')} (−)`} onClick={() => seeing.zoom(1 / ZOOM)}>
            <ICONS.farther />
          </button>
          <span className="mono paint-scale">{Math.round(seeing.view.scale * 100)}%</span>
          <button type="button" className="icon" aria-label={say('nearer')} title={`${say('nearer')} (+)`} onClick={() => seeing.zoom(ZOOM)}>
            <ICONS.nearer />
          </button>
          <button type="button" className="grow" title={`${say('fitOf')} (0)`} onClick={seeing.fit}>{say('fit')}</button>
        </div>
        <button type="button" className="paint-wide" aria-pressed={only} onClick={() => setOnly(!only)}>{say('only')}</button>
      </Group>
    </div>
  )
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="paint-group" role="group" aria-label={title}>
      <h3 className="soft paint-wide">{title}</h3>
      {children}
    </div>
  )
}
