import { describe, expect, it } from 'vitest'
import { catalogue, LOOPED, shipped, toys, wiresOf, workflowOf } from './fixtures'
import { graphOf } from './graph'
import { moveInto, unwrap, wrap } from './loops'
import type { Outcome, Refused } from './reasons'
import { allPaths, loopAt, nodeAt, parentOf, within } from './scopes'
import type { AnyNode } from './types'

/** What an edit gave, or the code of the reason why not. */
function result<O extends Outcome>(outcome: O): Exclude<O, Refused> | string {
  return 'reason' in outcome ? outcome.reason.code : (outcome as Exclude<O, Refused>)
}

function done<O extends Outcome>(outcome: O): Exclude<O, Refused> {
  const given = result(outcome)
  if (typeof given === 'string') throw new Error(given)
  return given
}

describe('every shipped workflow', () => {
  it.each(shipped)('%s: a node moved into a loop and back is linked as it was, unless it read the loop', (_, workflow) => {
    const before = graphOf(workflow, catalogue)
    for (const loop of allPaths(workflow).filter((path) => loopAt(workflow, path))) {
      for (const path of Object.keys(workflow.nodes)) {
        const there = result(moveInto(workflow, catalogue, [path], loop))
        if (typeof there === 'string') {
          expect(['circle', 'into', 'deep']).toContain(there)
          continue
        }
        expect(graphOf(there.workflow, catalogue).dangling).toEqual([])
        const back = done(moveInto(there.workflow, catalogue, there.paths, null))
        expect(graphOf(back.workflow, catalogue).dangling).toEqual([])
        const readsLoop = before.wires.some(({ from, to }) => to === path && (from === loop || parentOf(from) === loop))
        if (!readsLoop && !loopAt(workflow, path)) expect(back.workflow).toEqual(workflow)
      }
    }
  })

  it.each(shipped)('%s: any node moved out of its loop leaves nothing dangling', (_, workflow) => {
    for (const path of allPaths(workflow).filter(parentOf)) {
      const out = done(moveInto(workflow, catalogue, [path], null))
      expect(graphOf(out.workflow, catalogue).dangling).toEqual([])
      expect(graphOf(out.workflow, catalogue).wires.length).toBe(graphOf(workflow, catalogue).wires.length - out.cut)
    }
  })

  it.each(shipped)('%s: wrapped and unwrapped it is as it was', (_, workflow) => {
    for (const path of allPaths(workflow)) {
      const wrapped = result(wrap(workflow, catalogue, [path]))
      if (typeof wrapped === 'string') {
        expect(wrapped).toBe('deep')
        expect(graphOf(workflow, catalogue).wires.some(({ from, every }) => every && within(from, path))).toBe(true)
        continue
      }
      expect(graphOf(wrapped.workflow, catalogue).dangling).toEqual([])
      const back = unwrap(wrapped.workflow, wrapped.path)
      expect(back.cut).toBe(0)
      expect(JSON.stringify(back.workflow)).toBe(JSON.stringify(workflow))
    }
  })

  it.each(shipped)('%s: unwrapped loops leave nothing dangling', (_, workflow) => {
    for (const path of allPaths(workflow).filter((path) => loopAt(workflow, path))) {
      expect(graphOf(unwrap(workflow, path).workflow, catalogue).dangling).toEqual([])
    }
  })
})

describe('moving', () => {
  it('into a loop: its readers outside read every iteration, and it reads the iteration', () => {
    const { workflow } = done(moveInto(LOOPED, toys, ['end'], 'sample'))
    expect(nodeAt(workflow, 'sample.end')).toEqual({ type: 'split', in: { red: 'red' } })
    expect(workflow.nodes.other).toEqual({ type: 'turn', in: { blue: 'sample.end.right.all' } })
    expect(nodeAt(done(moveInto(LOOPED, toys, ['strip'], 'sample')).workflow, 'sample.strip')).toEqual({ type: 'film', in: { reds: 'look' } })
  })

  it('out of a loop: what is known only inside is cut', () => {
    const { workflow, cut } = done(moveInto(LOOPED, toys, ['sample.step'], null))
    expect(workflow.nodes.step).toEqual({ type: 'mix', in: { two: 'start' } })
    expect(cut).toBe(2)
    expect(workflow.nodes.sample).toMatchObject({ next: { red: 'step' } })
    const look = done(moveInto(LOOPED, toys, ['sample.look'], null))
    expect(look.workflow.nodes.strip).toEqual({ type: 'film', in: { reds: 'look' } })
    expect(nodeAt(look.workflow, 'sample.step')).toMatchObject({ in: { one: 'look' } })
  })

  it('keeps things where they are on the canvas', () => {
    const placed = { ...LOOPED, layout: { sample: [100, 50, 600, 300], 'sample.look': [20, 30], end: [800, 70] } as never }
    expect(done(moveInto(placed, toys, ['sample.look'], null)).workflow.layout).toMatchObject({ look: [120, 80] })
    expect(done(moveInto(placed, toys, ['end'], 'sample')).workflow.layout).toMatchObject({ 'sample.end': [700, 20] })
  })

  it('gives other names where they are taken: a loop in a loop', () => {
    const two = workflowOf({ ...LOOPED.nodes, again: { ...LOOPED.nodes.sample, carry: { red: 'end.left' } } as AnyNode, last: { type: 'pass', in: { red: 'again.red' } } }, { inputs: LOOPED.inputs! })
    const nested = done(moveInto(workflowOf({ outer: { type: 'repeat', for: { i: [0, 2] }, body: {} }, ...two.nodes }, { inputs: LOOPED.inputs! }), toys, ['again'], 'outer'))
    expect(nodeAt(nested.workflow, 'outer.again')).toEqual({
      type: 'repeat', for: { i_2: [0, 'size'] }, carry: { red: 'end.left' },
      body: { look: { type: 'pass', in: { red: 'red' } }, step: { type: 'mix', in: { one: 'look', two: 'start', at: 'i_2' } } }, next: { red: 'step' },
    })
    expect(nested.workflow.nodes.last).toEqual({ type: 'pass', in: { red: 'outer.again.red.all' } })
  })

  it.each([
    [['start'], 'sample', 'circle'], [['sample'], 'sample', 'into'], [['end'], 'end', 'nothing'],
  ])('%j into %s: %s', (paths, loop, code) => expect(result(moveInto(LOOPED, toys, paths, loop))).toBe(code))

  it('two levels deep cannot be read', () => {
    const workflow = workflowOf({ outer: { type: 'repeat', for: { i: [0, 2] }, body: {} }, ...LOOPED.nodes }, { inputs: LOOPED.inputs! })
    expect(result(moveInto(workflow, toys, ['sample'], 'outer'))).toBe('deep')
  })
})

describe('wrapping', () => {
  const nodes: Record<string, AnyNode> = {
    start: { type: 'make' },
    denoise: { type: 'pass', in: { red: 'start' } },
    blend: { type: 'mix', in: { one: 'denoise', two: 'start' } },
    seen: { type: 'count', in: { red: 'denoise' } },
    end: { type: 'split', in: { red: 'blend' } },
  }
  it('carries the pair that goes on', () => {
    const { workflow, path } = done(wrap(workflowOf(nodes), toys, ['blend', 'denoise']))
    expect(nodeAt(workflow, path)).toEqual({
      type: 'repeat', for: { i: [0, 10] }, carry: { red: 'start' },
      body: { denoise: { type: 'pass', in: { red: 'red' } }, blend: { type: 'mix', in: { one: 'denoise', two: 'red' } } }, next: { red: 'blend' },
    })
    expect(workflow.nodes.end).toEqual({ type: 'split', in: { red: 'repeat.red' } })
    expect(workflow.nodes.seen).toEqual({ type: 'count', in: { red: 'repeat.denoise.all' } })
    expect(Object.keys(workflow.nodes)).toEqual(['start', 'repeat', 'seen', 'end'])
  })

  it('carries nothing where nothing fits', () => expect(done(wrap(workflowOf(nodes), toys, ['start'])).workflow.nodes.repeat).toMatchObject({ carry: {}, next: {} }))

  it.each<[string[], string]>([[[], 'empty'], [['start', 'end', 'sample.look'], 'levels'], [['start', 'end'], 'circle']])('%j: %s', (paths, code) =>
    expect(result(wrap(LOOPED, toys, paths))).toBe(code))

  it('makes room around the nodes', () => {
    const placed = workflowOf(nodes, { layout: { denoise: [500, 200], blend: [800, 300] } })
    expect(done(wrap(placed, toys, ['denoise', 'blend'])).workflow.layout).toEqual({ repeat: [326, 112], 'repeat.denoise': [174, 88], 'repeat.blend': [474, 188] })
  })
})

describe('unwrapping', () => {
  it('the body comes out once', () => {
    const { workflow, cut } = unwrap({ ...LOOPED, layout: { sample: [100, 50, 600, 300], 'sample.look': [20, 30] } as never }, 'sample')
    expect(wiresOf(workflow)).toEqual([
      '#inputs out:size → start in:size', 'end out:right → other in:blue', 'look out:value → step in:one', 'look out:value → strip in:reds', 'start out:value → look in:red',
      'start out:value → step in:two', 'step out:value → end in:red',
    ])
    expect(cut).toBe(1)
    expect(workflow.layout).toEqual({ look: [120, 80] })
  })

  it('what was handed on unchanged is what it began as', () => {
    const workflow = workflowOf({
      a: { type: 'make' }, b: { type: 'make' },
      swap: { type: 'repeat', for: { i: [0, 3] }, carry: { x: 'a', y: 'b' }, body: {}, next: { x: 'y', y: 'x' } },
      end: { type: 'mix', in: { one: 'swap.x', two: 'swap.y' } },
    })
    expect(unwrap(workflow, 'swap').workflow.nodes.end).toEqual({ type: 'mix', in: { one: 'b', two: 'a' } })
  })
})
