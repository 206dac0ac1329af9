import { describe, expect, it } from 'vitest'
import { catalogue, LOOPED, shipped, toys, wiresOf, workflowOf } from './fixtures'
import { addCarried, addNode, remove, removeCarried, rename, renameCarried, setBypass, setNote, setParam, setRange, setVariable } from './edit'
import { graphOf } from './graph'
import { addInput, moveInput, promote, removeInput, renameInput, setInput } from './inputs'
import { read } from './json'
import { fresh, isName, names } from './names'
import type { Outcome } from './reasons'
import { allPaths, carriedNames, loopAt, nameOf, nodeAt, variableOf } from './scopes'
import type { Node, Workflow } from './types'

const done = (outcome: Outcome): Workflow => {
  if ('reason' in outcome) throw new Error(outcome.reason.code)
  return outcome.workflow
}
const code = (outcome: Outcome) => ('reason' in outcome ? outcome.reason.code : null)

describe('every shipped workflow', () => {
  it.each(shipped)('%s: whatever is renamed and renamed back is as it was', (_, workflow) => {
    const wires = graphOf(workflow, catalogue).wires.length
    const check = (there: (workflow: Workflow) => Outcome, back: (workflow: Workflow) => Outcome) => {
      const renamed = done(there(workflow))
      expect(graphOf(renamed, catalogue).dangling).toEqual([])
      expect(graphOf(renamed, catalogue).wires.length).toBe(wires)
      expect(JSON.stringify(done(back(renamed)))).toBe(JSON.stringify(workflow))
    }
    for (const path of allPaths(workflow)) {
      const moved = path.replace(/[^.]+$/, 'another')
      check((w) => rename(w, path, 'another'), (w) => rename(w, moved, nameOf(path)))
      const loop = loopAt(workflow, path)
      if (!loop) continue
      check((w) => setVariable(w, path, 'another'), (w) => setVariable(w, path, variableOf(loop)))
      for (const name of carriedNames(loop)) check((w) => renameCarried(w, path, name, 'another'), (w) => renameCarried(w, path, 'another', name))
    }
    for (const name of Object.keys(workflow.inputs ?? {})) check((w) => renameInput(w, name, 'another'), (w) => renameInput(w, 'another', name))
  })

  it.each(shipped)('%s: without any of its nodes or inputs, nothing dangles', (_, workflow) => {
    for (const path of allPaths(workflow)) {
      const without = remove(workflow, [path])
      expect(nodeAt(without, path)).toBe(undefined)
      expect(graphOf(without, catalogue).dangling).toEqual([])
    }
    for (const name of Object.keys(workflow.inputs ?? {})) expect(graphOf(removeInput(workflow, catalogue, name), catalogue).dangling).toEqual([])
    expect(remove(workflow, allPaths(workflow)).nodes).toEqual({})
  })
})

describe('names', () => {
  it.each([['a', true], ['_a1', true], ['1a', false], ['a.b', false], ['', false], ['é', false], ['all', false], ['__proto__', true]])('%s: %s', (text, fits) => expect(isName(text)).toBe(fits))

  it.each([
    [[], 'noise', 'noise'], [['noise'], 'noise', 'noise_2'], [['noise', 'noise_2'], 'noise_2', 'noise_3'], [['all'], 'all', '_all'], [[], 'a b', 'a_b'], [[], '', '_'], [[], '3d', '_3d'],
  ] as [string[], string, string][])('beside %j, %j is %s', (taken, wish, name) => expect(fresh(new Set(taken), wish)).toBe(name))

  it.each([
    ['start', 'end', 'taken'], ['start', 'red', 'taken'], ['start', 'i', 'taken'], ['start', 'size', 'taken'], ['start', 'look', 'taken'], ['start', 'a-b', 'name'],
    ['sample.look', 'end', 'taken'], ['sample.look', 'red', 'taken'], ['sample.look', 'far', null],
  ])('%s → %s: %s', (path, name, expected) => expect(code(rename(LOOPED, path, name))).toBe(expected))

  it('of the bodies of two loops may be the same', () => {
    const two = addNode(LOOPED, 'repeat', null, [0, 0])
    expect(code(rename(addNode(two.workflow, 'pass', two.path, [0, 0]).workflow, `${two.path}.pass`, 'look'))).toBe(null)
  })

  it('of a loop are renamed where they are read, and in the layout', () => {
    const placed = { ...LOOPED, layout: { sample: [1, 2], 'sample.look': [3, 4] } as never }
    const renamed = done(rename(placed, 'sample', 'again'))
    expect(renamed.nodes.strip).toEqual({ type: 'film', in: { reds: 'again.look.all' } })
    expect(renamed.nodes.end).toEqual({ type: 'split', in: { red: 'again.red' } })
    expect(renamed.layout).toEqual({ again: [1, 2], 'again.look': [3, 4] })
    expect(renamed.nodes.other).toBe(LOOPED.nodes.other)
    const look = done(rename(placed, 'sample.look', 'seen'))
    expect(look.nodes.strip).toEqual({ type: 'film', in: { reds: 'sample.seen.all' } })
    expect(nodeAt(look, 'sample.step')).toMatchObject({ in: { one: 'seen' } })
    expect(done(renameCarried(placed, 'sample', 'red', 'rose')).nodes.end).toEqual({ type: 'split', in: { red: 'sample.rose' } })
  })
})

describe('adding', () => {
  it('nodes, loops and axes have fresh names', () => {
    let workflow: Workflow = LOOPED
    const paths: string[] = []
    for (const [type, loop] of [['look', null], ['repeat', null], ['repeat', 'sample'], ['axis', null], ['axis', null]] as const) {
      const added = addNode(workflow, type, loop, [1, 2])
      workflow = added.workflow
      paths.push(added.path)
    }
    expect(paths).toEqual(['look_2', 'repeat', 'sample.repeat_2', 'axis', 'axis_2'])
    expect(nodeAt(workflow, 'repeat')).toEqual({ type: 'repeat', for: { i_2: [0, 10] }, carry: {}, body: {}, next: {} })
    expect(nodeAt(workflow, 'axis_2')).toEqual({ type: 'axis', params: { name: 'axis_2', values: [1, 2, 3] } })
    expect(workflow.layout?.['sample.repeat_2']).toEqual([1, 2])
    expect(names(workflow).has('i_3')).toBe(true)
  })
})

describe('removing', () => {
  it('takes the wires away, and keeps what is carried from nowhere', () => {
    const without = remove(LOOPED, ['start'])
    expect(without.nodes.sample).toEqual({
      type: 'repeat', for: { i: [0, 'size'] }, carry: {}, body: { look: { type: 'pass', in: { red: 'red' } }, step: { type: 'mix', in: { one: 'look', at: 'i' } } }, next: { red: 'step' },
    })
    const neither = remove(without, ['sample.step'])
    expect([nodeAt(neither, 'sample.look'), neither.nodes.end]).toEqual([{ type: 'pass' }, { type: 'split' }])
  })

  it('keeps references that meant nothing before', () => {
    const workflow = workflowOf({ a: { type: 'make' }, b: { type: 'mix', in: { one: 'a', two: 'gone' } } })
    expect(remove(workflow, ['a']).nodes.b).toEqual({ type: 'mix', in: { two: 'gone' } })
  })

  it('takes notes and frames too, whichever', () => {
    const note = (text: string) => ({ at: [0, 0] as [number, number], text })
    const workflow = workflowOf({}, { layout: { '#notes': [note('a'), note('b'), note('c')], '#frames': [{ at: [0, 0], title: '' }] } })
    expect(remove(workflow, ['#note:0', '#note:2', '#frame:0']).layout).toEqual({ '#notes': [note('b')] })
  })

  it('a carried value goes with the links to it', () => {
    const without = removeCarried(LOOPED, 'sample', 'red')
    expect(without.nodes.sample).toMatchObject({ carry: {}, next: {}, body: { look: { type: 'pass' } } })
    expect(wiresOf(without)).not.toContain('sample out:red → end in:red')
    expect(addCarried(without, 'sample', 'red', { carry: 'start' }).nodes.sample).toMatchObject({ carry: { red: 'start' }, next: {} })
  })
})

it('what is written has its order, and keys that nobody knows stay', () => {
  const node = { note: 'n', extra: 1, params: {}, type: 'make' } as unknown as Node
  expect(Object.keys(setParam(workflowOf({ a: node }), 'a', 'size', 1).nodes.a!)).toEqual(['type', 'params', 'note', 'extra'])
})

describe('params and the like', () => {
  it('are written in place of links, and unwritten', () => {
    const written = setParam(LOOPED, 'start', 'size', 7)
    expect(written.nodes.start).toEqual({ type: 'make', params: { size: 7 } })
    expect(setParam(written, 'start', 'size', undefined).nodes.start).toEqual({ type: 'make' })
    expect(setParam(LOOPED, 'start', 'size', undefined)).toBe(LOOPED)
    expect(setParam(written, 'start', 'size', 7)).toBe(written)
  })

  it('notes and bypasses are not written where there are none', () => {
    const noted = setBypass(setNote(LOOPED, 'sample', 'slow'), 'sample', true)
    expect(noted.nodes.sample).toMatchObject({ note: 'slow', bypass: true })
    expect(setNote(setBypass(noted, 'sample', false), 'sample', '')).toEqual(LOOPED)
    expect(setNote(LOOPED, 'sample', '')).toBe(LOOPED)
  })

  it('a range is written in place of a link', () => expect(loopAt(setRange(LOOPED, 'sample', 'to', 3), 'sample')?.for).toEqual({ i: [0, 3] }))
})

describe('inputs', () => {
  it('are added, moved, renamed', () => {
    const more = addInput(addInput(LOOPED), 'size', { type: 'bool' })
    expect(Object.keys(more.inputs!)).toEqual(['size', 'input', 'size_2'])
    expect(Object.keys(moveInput(more, 'size', 1).inputs!)).toEqual(['input', 'size', 'size_2'])
    expect(done(renameInput(LOOPED, 'size', 'count')).nodes.start).toMatchObject({ in: { size: 'count' } })
    expect(code(renameInput(LOOPED, 'size', 'look'))).toBe('taken')
  })

  it('take along what they are swept over', () => {
    const swept = { ...LOOPED, layout: { '#sweeps': { size: '1:3' } } }
    expect(done(renameInput(swept, 'size', 'count')).layout).toEqual({ '#sweeps': { count: '1:3' } })
    expect(removeInput(swept, toys, 'size').layout).toEqual({})
  })

  it('leave their default behind', () => {
    const without = removeInput(LOOPED, toys, 'size')
    expect(without.nodes.start).toEqual({ type: 'make', params: { size: 4 } })
    expect(loopAt(without, 'sample')?.for).toEqual({ i: [0, 4] })
  })

  it.each([
    ['string', 7, '7'], ['int', '8', 8], ['int', 2.9, 2], ['float', '2.5', 2.5], ['float', 'x', 0], ['bool', 'true', true],
  ] as const)('as %s, %j is %j', (type, value, expected) => {
    const before: Workflow = workflowOf({}, { inputs: { a: { type: type === 'string' ? 'int' : 'string', default: value } } })
    expect(setInput(before, 'a', { type }).inputs!.a).toEqual({ type, default: expected })
  })

  it('are made of params', () => {
    const written = read('{"diffuscope": 1, "nodes": {"a": {"type": "make", "params": {"size": 9007199254740993}}}}') as unknown as Workflow
    const promoted = done(promote(written, toys, 'a', 'size'))
    expect(JSON.stringify(promoted.inputs)).toBe(JSON.stringify({ size: { type: 'int', default: read('9007199254740993') } }))
    expect(promoted.nodes.a).toEqual({ type: 'make', in: { size: 'size' } })
    expect(done(promote(written, toys, 'a', 'share')).inputs).toEqual({ share: { type: 'float', default: 0 } })
    expect(done(promote(LOOPED, toys, 'sample', 'from')).inputs).toMatchObject({ i_from: { type: 'int', default: 0 } })
    expect(code(promote(LOOPED, toys, 'end', 'red'))).toBe('param')
  })
})
