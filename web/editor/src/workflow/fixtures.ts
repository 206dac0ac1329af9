import type { Catalogue, NodeType } from '../server/types'
import text from './catalogue.fixture.json?raw'
import { graphOf } from './graph'
import { read } from './json'
import type { AnyNode, Workflow } from './types'

/*
 * What the tests of this folder share. `catalogue.fixture.json` is `GET /api/nodes` of a running server, of which only the
 * node types that shipped workflows use are kept, and of these `name`, `ports` (type, required, gathers), `params` (type,
 * anyOf, default, required, minimum) and `outputs`, one type a line. It need not follow every change of the nodes: it is
 * made anew when a shipped workflow uses what it lacks.
 */

const LABELS = { label: '', help: '', inputs: {}, outputs: {} }

function completed(nodes: Partial<NodeType>[]): Catalogue {
  const whole = { name: '', category: '', help: '', effect: false, ports: {}, params: {}, outputs: {}, labels: { en: LABELS, ja: LABELS } }
  const types = nodes.map((type) => ({ ...whole, ...type }))
  return { nodes: types, builtins: [], types: {}, categories: {} }
}

export const catalogue = completed((JSON.parse(text) as { nodes: NodeType[] }).nodes)

const files = import.meta.glob<string>('../../../../workflows/*.json', { query: '?raw', import: 'default', eager: true })

/** The workflows that ship with Diffuscope, by name. */
export const shipped = Object.entries(files).map(([path, text]): [string, Workflow] => [
  path.slice(path.lastIndexOf('/') + 1, -'.json'.length),
  read(text) as unknown as Workflow,
])

const port = (type: string, gathers: null | 'loop' | 'sweep' = null) => ({ type, required: true, help: '', gathers })

/** A catalogue of toys: things are red or blue. */
export const toys = completed([
  { name: 'make', params: { size: { type: 'integer', default: 3 }, share: { type: 'number', required: true } }, outputs: { value: 'Red' } },
  { name: 'pass', ports: { red: port('Red') }, outputs: { value: 'Red' } },
  { name: 'mix', ports: { one: port('Red'), two: port('Red') }, params: { at: { type: 'integer', default: 0 } }, outputs: { value: 'Red' } },
  { name: 'split', ports: { red: port('Red') }, outputs: { left: 'Red', right: 'Blue' } },
  { name: 'turn', ports: { blue: port('Blue') }, outputs: { value: 'Blue' } },
  { name: 'film', ports: { reds: port('Red', 'loop') }, outputs: { value: 'Blue' } },
  { name: 'sheet', ports: { reds: port('Red', 'sweep') }, outputs: { value: 'Blue' } },
  { name: 'count', ports: { red: port('Red') }, outputs: { value: 'int' } },
  { name: 'named', outputs: { only: 'Red' } },
])

export function workflowOf(nodes: Record<string, AnyNode>, more: Partial<Workflow> = {}): Workflow {
  return { diffuscope: 1, ...more, nodes }
}

/** A loop with something before and after it: `start` → `sample` (`look`, `step`) → `end`, and `film` of all looks. */
export const LOOPED = workflowOf(
  {
    start: { type: 'make', in: { size: 'size' } },
    sample: {
      type: 'repeat',
      for: { i: [0, 'size'] },
      carry: { red: 'start' },
      body: { look: { type: 'pass', in: { red: 'red' } }, step: { type: 'mix', in: { one: 'look', two: 'start', at: 'i' } } },
      next: { red: 'step' },
    },
    end: { type: 'split', in: { red: 'sample.red' } },
    strip: { type: 'film', in: { reds: 'sample.look.all' } },
    other: { type: 'turn', in: { blue: 'end.right' } },
  },
  { inputs: { size: { type: 'int', default: 4 } } },
)

/** All wires in words, sorted. */
export function wiresOf(workflow: Workflow, of: Catalogue = toys): string[] {
  return graphOf(workflow, of).wires.map(({ from, output, to, input }) => `${from} ${output} → ${to} ${input}`).sort()
}
