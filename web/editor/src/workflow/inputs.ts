import type { Catalogue, ParamSchema } from '../server/types'
import { setSweep } from './drawing'
import { setParam, setRange, whyNotName } from './edit'
import { graphOf } from './graph'
import { isNum, numberText, readNumber } from './json'
import { isAxis, kindOfParam, typeOf } from './kinds'
import { fresh, names } from './names'
import { mapKeys, own, withKey, withoutKey } from './records'
import { withLink } from './references'
import { type Outcome, refused } from './reasons'
import { cutLoose, rewire } from './rewire'
import { INPUTS, nodeAt, rangeOf, variableOf, withNode } from './scopes'
import { type Input, type InputType, isRepeat, type Json, type Node, type Path, type Repeat, type Workflow } from './types'

const EMPTY: Record<InputType, Json> = { string: '', int: 0, float: 0, bool: false }
const INPUT_OF_KIND: Record<string, InputType> = { str: 'string', int: 'int', float: 'float', bool: 'bool' }

/** An input more, at the end, by a name like the one wished for. */
export function addInput(workflow: Workflow, wish = 'input', input: Input = { type: 'string', default: '' }): Workflow {
  return { ...workflow, inputs: withKey(workflow.inputs, fresh(names(workflow), wish), input) }
}

/** An input of another type, default or description. What is given as undefined or null is taken away; a new type takes the default along. */
export function setInput(workflow: Workflow, name: string, part: { [K in keyof Input]?: Input[K] | undefined }): Workflow {
  const before = own(workflow.inputs, name)
  if (!before) return workflow
  const type = part.type ?? before.type
  const turned = type !== before.type && before.default !== undefined ? { default: turnedInto(type, before.default) } : {}
  const said = Object.entries({ ...before, ...turned, ...part }).filter(([key, value]) => value != null && !(key === 'description' && value === ''))
  return { ...workflow, inputs: withKey(workflow.inputs, name, Object.fromEntries(said) as unknown as Input) }
}

function turnedInto(type: InputType, value: Json): Json {
  if (type === 'string') return isNum(value) ? numberText(value) : typeof value === 'string' ? value : String(value)
  if (type === 'bool') return value === true || value === 'true'
  const text = isNum(value) ? numberText(value) : typeof value === 'string' ? value.trim() : ''
  if (type === 'float') return text !== '' && Number.isFinite(Number(text)) ? Number(text) : EMPTY.float
  return /^-?\d+$/.test(text) ? readNumber(text) : Math.trunc(Number(text) || 0)
}

/** An input by another name, everywhere. */
export function renameInput(workflow: Workflow, name: string, wish: string): Outcome {
  if (!own(workflow.inputs, name) || name === wish) return { workflow }
  const reason = whyNotName(workflow, null, wish)
  if (reason) return { reason }
  const inputs = mapKeys(workflow.inputs!, (key) => (key === name ? wish : key))
  const output = `out:${name}`
  const { workflow: renamed } = rewire(workflow, { ...workflow, inputs }, (path) => path, (source) =>
    source.path === INPUTS && source.output === output ? { ...source, output: `out:${wish}` } : undefined,
  )
  const text = own(workflow.layout?.['#sweeps'], name)
  return { workflow: text === undefined ? renamed : setSweep(setSweep(renamed, name, null), wish, text) }
}

/** Without an input. The params that read it have its default, written. */
export function removeInput(workflow: Workflow, catalogue: Catalogue, name: string): Workflow {
  const input = own(workflow.inputs, name)
  if (!input) return workflow
  const value = input.default
  let after = workflow
  for (const { from, output, to, input: socket } of graphOf(workflow, catalogue).wires) {
    const node = nodeAt(workflow, to)
    if (from !== INPUTS || output !== `out:${name}` || !node || value == null) continue
    const param = socket.slice('in:'.length)
    if (own(typeOf(catalogue, node)?.params, param)) after = setParam(after, to, param, value)
    else if (isRepeat(node) && isNum(value) && (param === 'from' || param === 'to')) after = setRange(after, to, param, value)
  }
  const cut = cutLoose(workflow, { ...after, inputs: withoutKey(workflow.inputs!, name) })
  return own(cut.layout?.['#sweeps'], name) === undefined ? cut : setSweep(cut, name, null)
}

/** An input at another place in the list. */
export function moveInput(workflow: Workflow, name: string, index: number): Workflow {
  const input = own(workflow.inputs, name)
  if (!input) return workflow
  const others = Object.entries(workflow.inputs!).filter(([key]) => key !== name)
  return { ...workflow, inputs: Object.fromEntries(others.toSpliced(index, 0, [name, input])) }
}

/** An input of the workflow made of a param, with the value that it has, and linked to it. `from` and `to` are a loop's. */
export function promote(workflow: Workflow, catalogue: Catalogue, path: Path, param: string): Outcome {
  const node = nodeAt(workflow, path)
  if (!node || isAxis(node)) return refused(node ? 'axis' : 'nothing')
  const input = isRepeat(node) ? inputOfRange(node, param) : inputOfParam(node, catalogue, param)
  if (!input) return refused('param')
  const name = fresh(names(workflow), isRepeat(node) ? `${variableOf(node)}_${param}` : param)
  return { workflow: withNode(addInput(workflow, name, input), path, withLink(node, `in:${param}`, name)) }
}

function inputOfRange(loop: Repeat, end: string): Input {
  const value = rangeOf(loop)[end === 'from' ? 0 : 1]
  return { type: 'int', default: typeof value === 'string' ? EMPTY.int : value }
}

function inputOfParam(node: Node, catalogue: Catalogue, param: string): Input | null {
  const schema = own(typeOf(catalogue, node)?.params, param)
  const type = schema && own(INPUT_OF_KIND, kindOfParam(schema))
  if (!schema || !type) return null
  const { description } = schema
  return { type, default: own(node.params, param) ?? schema.default ?? leastOf(schema, type), ...(description && { description }) }
}

/** A value for a param that has no default. */
function leastOf(schema: ParamSchema, type: InputType): Json {
  const options = schema.anyOf ?? [schema]
  const found = options.map((option) => option.enum?.[0] ?? option.minimum).find((value) => value != null)
  return found ?? EMPTY[type]
}
