import { isNum } from './json'
import { isName } from './names'
import type { Workflow } from './types'

/** Deeper than this nobody writes; it is what the engine takes too. */
const DEEPEST = 100

/** Whether data has the shape of a workflow, or of a part of one; what is in it may still be wrong. */
export function isWorkflow(data: unknown): data is Workflow {
  return isObject(data) && isNum(data.diffuscope) && isNodes(data.nodes) && isInputs(data.inputs ?? {}) && isObject(data.layout ?? {})
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isNum(value)
}

function isRecord(value: unknown, fits: (value: unknown) => boolean): boolean {
  return isObject(value) && Object.entries(value).every(([name, one]) => isName(name) && fits(one))
}

const isText = (value: unknown) => typeof value === 'string'
const isLinks = (value: unknown) => isRecord(value, isText)

function isInputs(value: unknown): boolean {
  return isRecord(value, (input) => isObject(input) && ['string', 'int', 'float', 'bool'].includes(String(input.type)))
}

function isNodes(value: unknown, depth = 0): boolean {
  return depth < DEEPEST && isRecord(value, (node) => isNode(node, depth))
}

function isNode(node: unknown, depth: number): boolean {
  if (!isObject(node) || !isText(node.type) || !isText(node.note ?? '')) return false
  if (node.type !== 'repeat') return isLinks(node.in ?? {}) && isObject(node.params ?? {})
  const range = (ends: unknown) => Array.isArray(ends) && ends.length === 2 && ends.every((end) => isText(end) || isNum(end))
  const one = isRecord(node.for, range) && Object.keys(node.for as object).length === 1
  return one && isLinks(node.carry ?? {}) && isLinks(node.next ?? {}) && isNodes(node.body, depth + 1)
}
