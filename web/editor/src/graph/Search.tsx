import { useReactFlow } from '@xyflow/react'
import { useMemo } from 'react'
import { Palette, type PaletteItem } from '../fields/Palette'
import type { Builtin, NodeType } from '../server/types'
import { catalogue, edit, graph, select, useEditor, workflow } from '../state/document'
import { useLanguage } from '../text/text'
import { connect } from '../workflow/connect'
import { accepts, kindOfParam, typeOf } from '../workflow/kinds'
import { nodeAt } from '../workflow/scopes'
import type { Place } from '../workflow/types'
import { add, loopOfSelection } from './actions'
import { hueOf } from './colours'
import { called, link, sourcesFor, targetsFor, type End } from './ends'
import { loopUnder, positions } from './flow'
import { openSearch, useMenus } from './menu'
import { WIDTH } from './sizes'
import { t } from './texts'

/** The search for a node to add, or for the other end of a wire. */
export function Search() {
  const search = useMenus((state) => state.search)
  const language = useLanguage((state) => state.language)
  const known = useEditor((state) => state.catalogue)
  const say = t()
  const flow = useReactFlow()
  const items = useMemo((): PaletteItem[] => {
    if (!search) return []
    if (search.existing) return (search.from ? targetsFor(search.from) : sourcesFor(search.to!)).map(endItem)
    return [...known.nodes, ...known.builtins].filter((type) => fits(type, search.from, search.to) !== null).map((type) => {
      const { label, help } = type.labels[language]
      const other = type.labels[language === 'en' ? 'ja' : 'en'].label
      return {
        id: type.name, label, detail: help, group: known.categories[type.category]?.[language] ?? type.category,
        words: `${type.name} ${other}`, colour: `oklch(0.65 0.14 ${hueOf(known, type.category)})`,
      }
    })
  }, [search, known, language])
  if (!search) return null

  const pick = ({ id }: PaletteItem) => {
    openSearch(null)
    if (search.existing) {
      const [path, socket] = id.split(' ') as [string, string]
      const other = { path, socket }
      edit((workflow) => connect(workflow, catalogue(), search.from ? link(search.from, other) : link(other, search.to!)))
      return
    }
    const at = flow.screenToFlowPosition({ x: search.x, y: search.y })
    const nodes = flow.getNodes()
    const loop = loopUnder(nodes, at, new Set()) ?? (search.from || search.to ? null : loopOfSelection())
    const origin = loop === null ? { x: 0, y: 0 } : positions(nodes).get(loop)!
    const shift = search.to ? WIDTH + 40 : search.from ? -40 : WIDTH / 2
    const place = [at.x - origin.x - shift, at.y - origin.y - 20].map(Math.round) as Place
    const path = add(id, loop, place)
    const type = [...known.nodes, ...known.builtins].find((type) => type.name === id)!
    const socket = fits(type, search.from, search.to)
    if (!path || !socket) return
    const end = { path, socket }
    edit((workflow) => connect(workflow, catalogue(), search.from ? link(search.from, end) : link(end, search.to!)), 'add')
    select([path])
  }
  const placeholder = say(search.existing ? (search.from ? 'chooseTarget' : 'chooseSource') : search.from || search.to ? 'addFitting' : 'addHere')
  return <Palette items={items} onPick={pick} onClose={() => openSearch(null)} placeholder={placeholder} at={search} />
}

function endItem(end: End): PaletteItem {
  const { path, socket } = end
  return { id: `${path} ${socket}`, label: `${path} · ${called(end)}`, detail: '', group: path }
}

/** The socket of a new node that a wire fits; '' where no wire is asked for, null where none fits. */
function fits(type: NodeType | Builtin, from: End | undefined, to: End | undefined): string | null {
  if (!from && !to) return ''
  if (!('ports' in type)) return from && type.params === null ? 'in:+' : null
  if (from) {
    const kind = graph().kinds.get(`${from.path}|${from.socket}`) ?? ''
    const port = Object.entries(type.ports).find(([, port]) => accepts(port.type, kind))
    if (port) return `in:${port[0]}`
    const param = Object.entries(type.params).find(([, schema]) => accepts(kindOfParam(schema), kind))
    return param ? `in:${param[0]}` : null
  }
  const wanted = wantedAt(to!)
  const output = Object.entries(type.outputs).find(([, kind]) => wanted !== null && accepts(wanted, kind))
  return output ? `out:${output[0]}` : null
}

function wantedAt({ path, socket }: End): string | null {
  const node = nodeAt(workflow(), path)
  const type = node && typeOf(catalogue(), node)
  const name = socket.slice('in:'.length)
  const schema = type?.params[name]
  return type?.ports[name]?.type ?? (schema ? kindOfParam(schema) : null)
}
