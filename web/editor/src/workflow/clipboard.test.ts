import { describe, expect, it } from 'vitest'
import { copy, paste } from './clipboard'
import { catalogue, LOOPED, shipped, toys, wiresOf, workflowOf } from './fixtures'
import { graphOf } from './graph'
import { read, write } from './json'
import { boundNames } from './names'
import { hasCircle } from './order'
import type { Outcome } from './reasons'
import { allPaths, nodeAt } from './scopes'
import type { Path, Workflow } from './types'

const done = (outcome: Outcome<{ paths: Path[] }>) => {
  if ('reason' in outcome) throw new Error(outcome.reason.code)
  return outcome
}
const EMPTY = workflowOf({})

describe('every shipped workflow', () => {
  it.each(shipped)('%s: pasted where nothing is, it is the same', (_, workflow) => {
    const { workflow: pasted, paths } = done(paste(EMPTY, catalogue, write(workflow), null, [0, 0]))
    expect(pasted.nodes).toEqual(workflow.nodes)
    expect(pasted.inputs).toEqual(workflow.inputs)
    expect(paths).toEqual(Object.keys(workflow.nodes))
  })

  it.each(shipped)('%s: a copy beside it is linked alike, to the same inputs', (_, workflow) => {
    const { workflow: pasted, paths } = done(paste(workflow, catalogue, copy(workflow, Object.keys(workflow.nodes)), null, [36, 36]))
    const graph = graphOf(pasted, catalogue)
    expect(graph.dangling).toEqual([])
    expect(graph.wires.length).toBe(2 * graphOf(workflow, catalogue).wires.length)
    expect(new Set([...allPaths(workflow), ...paths]).size).toBe(allPaths(workflow).length + Object.keys(workflow.nodes).length)
    for (const [name, node] of Object.entries(workflow.nodes)) expect(pasted.nodes[name]).toBe(node)
    const others = boundNames(Object.fromEntries(paths.map((path) => [path, pasted.nodes[path]!])))
    expect([...boundNames(workflow.nodes)].filter((name) => others.has(name))).toEqual([])
  })

  it.each(shipped)('%s: any node of it, copied and pasted into any loop, fits', (_, workflow) => {
    for (const path of allPaths(workflow)) {
      for (const loop of [null, ...allPaths(workflow).filter((path) => nodeAt(workflow, path)?.type === 'repeat')]) {
        const graph = graphOf(done(paste(workflow, catalogue, copy(workflow, [path]), loop, [0, 0])).workflow, catalogue)
        expect(graph.dangling).toEqual([])
        expect(hasCircle(graph)).toBe(false)
      }
    }
  })
})

describe('copying', () => {
  it('keeps what is read among the copied, and says the rest as it stands', () => {
    const part = read(copy(LOOPED, ['sample.look', 'sample.step', 'strip'])) as unknown as Workflow & { clipboard: number }
    expect(part.clipboard).toBe(1)
    expect(part.nodes).toEqual({
      look: { type: 'pass', in: { red: 'red' } }, step: { type: 'mix', in: { one: 'look', two: 'start', at: 'i' } }, strip: { type: 'film', in: { reds: 'look' } },
    })
  })

  it('takes notes, frames and places along', () => {
    const workflow = {
      ...LOOPED,
      layout: { sample: [100, 50, 600, 300], 'sample.look': [20, 30], end: [0, 0], '#notes': [{ at: [1, 2], text: 'a' }, { at: [3, 4], text: 'b' }], '#frames': [{ at: [0, 0, 9, 9], title: 'f' }] },
    } as unknown as Workflow
    const text = copy(workflow, ['sample.look', '#note:1', '#frame:0'])
    expect((read(text) as unknown as Workflow).layout).toEqual({ look: [120, 80], '#notes': [{ at: [3, 4], text: 'b' }], '#frames': [{ at: [0, 0, 9, 9], title: 'f' }] })
    const { workflow: pasted, paths } = done(paste(workflow, toys, text, 'sample', [10, 10]))
    expect(paths).toEqual(['sample.look_2', '#note:2', '#frame:1'])
    expect(pasted.layout).toMatchObject({ 'sample.look_2': [30, 40], '#frames': [{}, { at: [10, 10, 9, 9] }] })
  })
})

describe('pasting', () => {
  it('keeps references that mean something here and fit', () => {
    const text = write({ diffuscope: 1, nodes: { a: { type: 'mix', in: { one: 'start', two: 'gone' } }, b: { type: 'turn', in: { blue: 'start' } }, c: { type: 'pass', in: { red: 'sample.red' } } } })
    const { workflow } = done(paste(LOOPED, toys, text, null, [0, 0]))
    expect([workflow.nodes.a, workflow.nodes.b, workflow.nodes.c]).toEqual([{ type: 'mix', in: { one: 'start' } }, { type: 'turn' }, { type: 'pass', in: { red: 'sample.red' } }])
    expect(nodeAt(done(paste(LOOPED, toys, text, 'sample', [0, 0])).workflow, 'sample.c')).toEqual({ type: 'pass' })
  })

  it('keeps no link to an input of another kind', () => {
    const text = write({ diffuscope: 1, nodes: { a: { type: 'make', in: { size: 'size' } }, b: { type: 'pass', in: { red: 'size' } } } })
    const { workflow } = done(paste(LOOPED, toys, text, null, [0, 0]))
    expect([workflow.nodes.a, workflow.nodes.b]).toEqual([{ type: 'make', in: { size: 'size' } }, { type: 'pass' }])
  })

  it('inputs of another type have other names', () => {
    const text = write({ diffuscope: 1, inputs: { size: { type: 'string' }, end: { type: 'int' } }, nodes: { a: { type: 'make', in: { size: 'end', share: 'size' } } } })
    const { workflow } = done(paste(LOOPED, toys, text, null, [0, 0]))
    expect(Object.keys(workflow.inputs!)).toEqual(['size', 'size_2', 'end_2'])
    expect(workflow.nodes.a).toEqual({ type: 'make', in: { size: 'end_2', share: 'size_2' } })
  })

  it('does no harm with names that objects have', () => {
    const text = '{"diffuscope": 1, "nodes": {"__proto__": {"type": "make"}, "constructor": {"type": "pass", "in": {"red": "__proto__"}}}, "layout": {"__proto__": [1, 2]}}'
    const { workflow } = done(paste(EMPTY, toys, text, null, [0, 0]))
    expect(wiresOf(workflow)).toEqual(['__proto__ out:value → constructor in:red'])
    expect(Object.keys(workflow.nodes)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(workflow.nodes)).toBe(Object.prototype)
  })

  it.each([
    ['hello', 'text'], ['{}', 'text'], ['[]', 'text'], ['7', 'text'], ['{"diffuscope": 1}', 'text'], ['{"diffuscope": 1, "nodes": {"a": 7}}', 'text'], ['{"diffuscope": 2, "nodes": {}}', 'newer'],
    ['{"diffuscope": 1, "nodes": {}}', 'empty'], ['{"diffuscope": 1, "nodes": {"a b": {"type": "x"}}}', 'text'], ['{"diffuscope": 1, "nodes": {"a": {"type": "repeat", "for": {}, "body": {}}}}', 'text'],
    ['{"diffuscope": 1, "nodes": {"a": {"type": "x", "in": {"b": 7}}}}', 'text'],
  ])('%s: %s', (text, code) => expect(paste(LOOPED, toys, text, null, [0, 0])).toEqual({ reason: { code } }))
})
