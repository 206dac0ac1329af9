import { describe, expect, it } from 'vitest'
import { connect, disconnect, whyNot } from './connect'
import { catalogue, LOOPED, shipped, toys, workflowOf } from './fixtures'
import { graphOf, type Link, socketsOf } from './graph'
import { accepts, kindOfAxis, kindOfParam } from './kinds'
import { read } from './json'
import { hasCircle } from './order'
import { nodeAt } from './scopes'
import type { AnyNode, Json, Workflow } from './types'

const link = (text: string): Link => {
  const [from = '', output = '', to = '', input = ''] = text.split(' ')
  return { from, output, to, input }
}

describe('every shipped workflow', () => {
  it.each(shipped)('%s: every reference is a wire that fits', (_, workflow) => {
    const graph = graphOf(workflow, catalogue)
    expect(graph.dangling).toEqual([])
    expect(hasCircle(graph)).toBe(false)
    for (const wire of graph.wires) {
      expect(wire.kind, wire.id).not.toBe(null)
      const without = disconnect(workflow, wire)
      expect(without).not.toBe(workflow)
      expect(whyNot(without, catalogue, wire), wire.id).toBe(null)
      expect(graphOf(connect(without, catalogue, wire), catalogue).wires.map(({ id }) => id).sort()).toEqual(graph.wires.map(({ id }) => id).sort())
      expect(connect(without, catalogue, wire)).toEqual(workflow)
    }
  })
})

describe('wires', () => {
  it.each<[string, Record<string, AnyNode>, string[]]>([
    ['a single output needs no name', { a: { type: 'make' }, b: { type: 'pass', in: { red: 'a' } } }, ['a out:value Red']],
    ['nor does the only one that has one', { a: { type: 'named' }, b: { type: 'pass', in: { red: 'a' } } }, ['a out:only Red']],
    ['of several one is named', { a: { type: 'split' }, b: { type: 'turn', in: { blue: 'a.right' } } }, ['a out:right Blue']],
    ['an unknown type has what is read of it', { a: { type: 'what' }, b: { type: 'pass', in: { red: 'a.x' } } }, ['a out:x null']],
    ['`constructor` is a name', { constructor: { type: 'make' }, b: { type: 'pass', in: { red: 'constructor' } } } as never, ['constructor out:value Red']],
    ['and nothing is called so that is not', { b: { type: 'pass', in: { red: 'constructor' } }, c: { type: 'pass', in: { red: '__proto__' } } }, []],
    ['several outputs and no name', { a: { type: 'split' }, b: { type: 'turn', in: { blue: 'a' } } }, []],
  ])('%s', (_, nodes, expected) => {
    const { wires } = graphOf(workflowOf(nodes), toys)
    expect(wires.map(({ from, output, kind }) => `${from} ${output} ${kind}`)).toEqual(expected)
  })

  it('knows loops from outside and inside', () => {
    const { wires, kinds, dangling } = graphOf(LOOPED, toys)
    expect(dangling).toEqual([])
    expect(wires.map(({ from, output, to, input, every }) => `${from} ${output} ${to} ${input}${every ? ' every' : ''}`)).toEqual([
      '#inputs out:size start in:size', '#inputs out:size sample in:to', 'start out:value sample in:carry.red', 'sample item:red sample.look in:red',
      'sample.look out:value sample.step in:one', 'start out:value sample.step in:two', 'sample item:#i sample.step in:at', 'sample.step out:value sample in:next.red',
      'sample out:red end in:red', 'sample.look out:value strip in:reds every', 'end out:right other in:blue',
    ])
    expect(['item:#i', 'item:red', 'out:red', 'out:red.all'].map((socket) => kinds.get(`sample|${socket}`))).toEqual(['int', 'Red', 'Red', 'Red'])
  })

  it('finds the kinds of what loops carry in a circle, and of unlinked ends', () => {
    const loop = (carry: Record<string, string>, next: Record<string, string>): AnyNode => ({ type: 'repeat', for: { i: [0, 2] }, carry, body: { m: { type: 'make' } }, next })
    const circle = workflowOf({ a: loop({ x: 'b.y' }, {}), b: { ...loop({ y: 'a.x' }, {}), for: { j: [0, 1] } } as AnyNode })
    expect(graphOf(circle, toys).kinds.get('a|out:x')).toBe('')
    expect(graphOf(workflowOf({ a: loop({}, { x: 'm' }) }), toys).kinds.get('a|item:x')).toBe('Red')
  })

  it('is quick', () => {
    const nodes = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`n${i}`, { type: 'mix', in: i ? { one: `n${i - 1}`, two: `n${i >> 1}` } : {} }]))
    graphOf(workflowOf({ ...nodes }), toys)
    const workflow = workflowOf(nodes)
    const begun = performance.now()
    graphOf(workflow, toys)
    expect(performance.now() - begun).toBeLessThan(50) // 10 in a browser; tests run beside others
  })

  it('gives placeholders to what its type lacks', () => {
    const sockets = socketsOf({ type: 'pass', in: { red: 'a', gone: 'b' } }, toys.nodes.find(({ name }) => name === 'pass'), ['out:value', 'out:old'])
    expect(sockets.inputs.map(({ id, known }) => [id, known])).toEqual([['in:red', true], ['in:gone', false]])
    expect(sockets.outputs.map(({ id, known }) => [id, known])).toEqual([['out:value', true], ['out:old', false]])
  })
})

it.each([
  ['Red', 'Red', true], ['Red', 'Blue', false], ['Red', 'json', false], ['float', 'int', true], ['int', 'float', false], ['int', 'json', true], ['json', 'Red', false],
  ['json', 'list', true], ['str', 'int', false], ['list', 'list', true],
])('%s accepts %s: %s', (wanted, found, fits) => expect(accepts(wanted, found)).toBe(fits))

it.each([
  ['{"values": [1, 2]}', 'int'], ['{"values": [1, 2.5]}', 'float'], ['{"values": [7.0]}', 'float'], ['{"values": [9007199254740993]}', 'int'], ['{"values": ["a", "b"]}', 'str'],
  ['{"values": ["a", 1]}', 'json'], ['{"values": [true]}', 'bool'], ['{"values": [[1]]}', 'list'], ['{"from": 0, "to": 3}', 'int'], ['{"from": 0, "to": 1, "step": 0.1}', 'float'],
  ['{"seeds": 3}', 'int'], ['{}', null],
])('an axis of %s is of kind %s', (params, kind) => expect(kindOfAxis(read(params) as Record<string, Json>)).toBe(kind))

it.each([
  [{ type: 'integer' }, 'int'], [{ anyOf: [{ type: 'number' }, { type: 'null' }] }, 'float'], [{ anyOf: [{ type: 'integer' }, { type: 'number' }] }, 'float'],
  [{ anyOf: [{ type: 'string' }, { type: 'array' }] }, 'json'], [{}, 'json'], [{ type: 'object' }, 'json'],
] as const)('a param of %j is of kind %s', (schema, kind) => expect(kindOfParam(schema as never)).toBe(kind))

describe('why not', () => {
  const NESTED = workflowOf({
    make: { type: 'make' },
    outer: {
      type: 'repeat', for: { i: [0, 2] }, carry: { red: 'make' }, next: { red: 'inner.again' },
      body: { inner: { type: 'repeat', for: { j: [0, 'i'] }, carry: { again: 'red' }, body: { step: { type: 'pass', in: { red: 'again' } } }, next: { again: 'step' } } },
    },
    read: { type: 'pass' },
    film: { type: 'film' },
    axis: { type: 'axis', params: { name: 'a', values: [1] } },
  })
  it.each<[string, string | null, Workflow]>([
    ['start out:value sample.step in:at', 'kind', LOOPED],
    ['end out:right end in:red', 'self', LOOPED],
    ['other out:value strip in:reds', 'kind', LOOPED],
    ['sample out:red sample in:carry.red', 'self', LOOPED],
    ['sample out:red sample.look in:red', 'circle', LOOPED],
    ['sample.step out:value sample in:carry.red', 'circle', LOOPED],
    ['end out:left start in:size', 'circle', LOOPED],
    ['sample.step out:value sample.look in:red', 'circle', LOOPED],
    ['sample item:red end in:red', 'inside', LOOPED],
    ['sample item:#i end in:red', 'inside', LOOPED],
    ['sample.step out:value end in:red', null, LOOPED],
    ['sample out:red strip in:reds', 'list', LOOPED],
    ['sample out:red.all strip in:reds', null, LOOPED],
    ['end out:right sample in:next.red', 'circle', LOOPED],
    ['start out:value sample in:next.red', null, LOOPED],
    ['sample item:red sample in:next.red', null, LOOPED],
    ['sample item:#i sample in:next.red', 'kind', LOOPED],
    ['start out:value sample in:to', 'bound', LOOPED],
    ['start out:value sample in:+', null, LOOPED],
    ['start out:value start in:gone', 'nothing', LOOPED],
    ['gone out:value start in:size', 'nothing', LOOPED],
    ['outer.inner.step out:value read in:red', 'deep', NESTED],
    ['outer.inner out:again.all read in:red', 'deep', NESTED],
    ['outer.inner out:again read in:red', null, NESTED],
    ['outer.inner out:again film in:reds', null, NESTED],
    ['outer.inner.step out:value outer in:next.red', null, NESTED],
    ['make out:value outer.inner.step in:red', null, NESTED],
    ['make out:value axis in:values', 'axis', NESTED],
  ])('%s: %s', (text, code, workflow) => expect(whyNot(workflow, toys, link(text))?.code ?? null).toBe(code))

  it('a list may have come a long way', () => {
    const nodes = (of: string): Workflow => workflowOf({ ...LOOPED.nodes, far: { type: 'pass', in: { red: of } }, farther: { type: 'pass', in: { red: 'far' } } })
    expect(whyNot(nodes('sample.look.all'), toys, link('farther out:value strip in:reds'))).toBe(null)
    expect(whyNot(nodes('sample.red'), toys, link('farther out:value strip in:reds'))?.code).toBe('list')
  })
})

describe('connecting', () => {
  it.each<[string, string, Json]>([
    ['end out:left other in:blue', 'other', { blue: 'end.left' }],
    ['sample.step out:value strip in:reds', 'strip', { reds: 'sample.step.all' }],
    ['sample out:red.all strip in:reds', 'strip', { reds: 'sample.red.all' }],
    ['start out:value sample.look in:red', 'sample.look', { red: 'start' }],
    ['sample item:#i sample.step in:at', 'sample.step', { one: 'look', two: 'start', at: 'i' }],
  ])('%s', (text, path, expected) => expect((nodeAt(connect(LOOPED, toys, link(text)), path) as { in?: Json }).in).toEqual(expected))

  it('takes the literal away', () => {
    const workflow = workflowOf({ a: { type: 'make', params: { size: 7, share: 1 } } }, { inputs: { n: { type: 'int' } } })
    expect(connect(workflow, toys, link('#inputs out:n a in:size')).nodes.a).toEqual({ type: 'make', in: { size: 'n' }, params: { share: 1 } })
  })

  it('adds a carried value, named by its kind, and says then which of them is meant', () => {
    const bare = workflowOf({ ...LOOPED.nodes, end: { type: 'split', in: { red: 'sample' } } }, { inputs: LOOPED.inputs! })
    const more = connect(bare, toys, link('start out:value sample in:+'))
    expect(more.nodes.sample).toMatchObject({ carry: { red: 'start', red_2: 'start' }, next: { red: 'step' } })
    expect(more.nodes.end).toEqual({ type: 'split', in: { red: 'sample.red' } })
    expect(connect(LOOPED, toys, link('sample.look out:value sample in:+')).nodes.sample).toMatchObject({ carry: { red: 'start' }, next: { red: 'step', red_2: 'look' } })
  })

  it('a carried value that has lost one end is there, and one that has lost both is gone with its readers', () => {
    const one = disconnect(LOOPED, { to: 'sample', input: 'in:carry.red' })
    expect(graphOf(one, toys).dangling).toEqual([])
    expect(nodeAt(one, 'sample.look')).toBe(nodeAt(LOOPED, 'sample.look'))
    const none = disconnect(one, { to: 'sample', input: 'in:next.red' })
    expect(none.nodes.sample).toMatchObject({ carry: {}, next: {} })
    expect([nodeAt(none, 'sample.look'), none.nodes.end]).toEqual([{ type: 'pass' }, { type: 'split' }])
    expect(graphOf(none, toys).dangling).toEqual([])
  })

  it('shares what it does not change', () => {
    const changed = disconnect(LOOPED, { to: 'other', input: 'in:blue' })
    for (const name of ['start', 'sample', 'end', 'strip']) expect(changed.nodes[name]).toBe(LOOPED.nodes[name])
    expect(disconnect(changed, { to: 'other', input: 'in:blue' })).toBe(changed)
  })
})
