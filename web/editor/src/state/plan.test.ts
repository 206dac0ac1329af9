import { expect, test } from 'vitest'
import type { Plan, PlannedCall } from '../server/types'
import { graphOf } from '../workflow/graph'
import type { Workflow } from '../workflow/types'
import { callAt, indexed, iterationsOf, loopsAround, valueAt } from './plan'

const call = (label: string, path: string, more: Partial<PlannedCall> = {}): PlannedCall => ({
  label, path, node: 'n', iterations: [], coordinates: '', at: {}, key: label, state: 'cached', kept: true, outputs: { '': 'Latent' }, ...more,
})

const steps = [0, 1, 2].flatMap((i) => [0, 1].map((s) => call(`sample[${i}].denoise @ s=${s}`, 'sample.denoise', { iterations: [i], at: { s } })))
const plan = indexed({
  calls: [call('start', 'start'), ...steps, call('image @ s=0', 'image', { at: { s: 0 }, state: 'run' }), call('image @ s=1', 'image', { at: { s: 1 }, key: 'image @ s=0', state: 'run' })],
  counts: { run: 1, cached: 7, unneeded: 0 }, wires: {}, cut: false, axes: { s: [5, 6] },
} satisfies Plan)

const workflow: Workflow = {
  diffuscope: 1,
  inputs: { s: { type: 'int', default: 5 } },
  nodes: {
    start: { type: 'n' },
    sample: { type: 'repeat', for: { i: [0, 3] }, carry: { latent: 'start' }, body: { denoise: { type: 'n', in: { latent: 'latent' } } }, next: { latent: 'denoise' } },
  },
}
const nowhere = { inspect: {}, at: {} }
const port = { type: 'Latent', required: false, help: '', gathers: null }
const graph = graphOf(workflow, {
  nodes: [{ name: 'n', category: '', help: '', effect: false, ports: { latent: port }, params: {}, outputs: { value: 'Latent' }, labels: {} as never }],
  builtins: [], types: {}, categories: {},
})
const seen = (path: string, socket: string, where = nowhere) => {
  const found = valueAt(plan, workflow, graph, path, socket, where)
  return found && ('key' in found ? found.key : found.value)
}

test('calls with one key count once', () => {
  expect(plan.states.get('image')).toEqual({ cached: 0, run: 1, unneeded: 0 })
  expect(plan.states.get('sample.denoise')).toEqual({ cached: 6, run: 0, unneeded: 0 })
})

test('loops around a node, and their iterations', () => {
  expect(loopsAround('a.b.c')).toEqual(['a', 'a.b'])
  expect(iterationsOf(plan, 'sample', nowhere)).toEqual([0, 1, 2])
})

test.each([
  [{}, {}, 'sample[2].denoise @ s=0'],
  [{ sample: 1 }, {}, 'sample[1].denoise @ s=0'],
  [{ sample: 1 }, { s: 1 }, 'sample[1].denoise @ s=1'],
])('at iteration %j and place %j a node shows %s', (inspect: Record<string, number>, at: Record<string, number>, label) => {
  expect(callAt(plan, 'sample.denoise', { inspect, at })?.label).toBe(label)
})

test('what is carried is what the turn before handed on, at first what the loop began with, and in the end the last', () => {
  expect(seen('sample', 'item:latent', { inspect: { sample: 2 }, at: {} } as never)).toBe('sample[1].denoise @ s=0')
  expect(seen('sample', 'item:latent', { inspect: { sample: 0 }, at: {} } as never)).toBe('start')
  expect(seen('sample', 'out:latent', { inspect: { sample: 0 }, at: {} } as never)).toBe('sample[2].denoise @ s=0')
  expect(seen('sample', 'item:#i', { inspect: { sample: 1 }, at: {} } as never)).toBe(1)
  expect(seen('#inputs', 'out:s', { inspect: {}, at: { s: 1 } } as never)).toBe(6)
})
