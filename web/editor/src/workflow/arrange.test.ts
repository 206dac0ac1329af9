import { describe, expect, it } from 'vitest'
import { align, arrange, LOOP, withLayout } from './arrange'
import { LOOPED, shipped, workflowOf } from './fixtures'
import { allPaths, INPUTS, loopAt, parentOf } from './scopes'
import type { Path, Place, Workflow } from './types'

const sizes = (path: Path): [number, number] => (path.endsWith('sample') ? [2 * LOOP.side + 200, 150] : [200, 100])

/** A layout's boxes on one level. */
function boxes(workflow: Workflow, loop: Path | null) {
  return allPaths(workflow).filter((path) => parentOf(path) === loop).map((path) => {
    const [x, y, width = 200, height = 100] = workflow.layout![path] as Place
    return { path, x, y, width, height }
  })
}

function overlapping(workflow: Workflow): string[] {
  return [null, ...allPaths(workflow).filter((path) => loopAt(workflow, path))].flatMap((loop) => {
    const level = boxes(workflow, loop)
    return level.flatMap((a, i) => level.slice(i + 1)
      .filter((b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height)
      .map((b) => `${a.path} ${b.path}`))
  })
}

describe.each(shipped)('%s', (_, workflow) => {
  it('is arranged without overlaps, bodies within their loops', () => {
    const arranged = { ...workflow, layout: arrange(workflow, sizes) }
    expect(overlapping(arranged)).toEqual([])
    for (const loop of allPaths(workflow).filter((path) => loopAt(workflow, path))) {
      const [, , width, height] = arranged.layout[loop] as [number, number, number, number]
      for (const box of boxes(arranged, loop)) {
        expect(box.x).toBeGreaterThanOrEqual(LOOP.side)
        expect(box.y).toBeGreaterThanOrEqual(LOOP.top)
        expect(box.x + box.width).toBeLessThanOrEqual(width - LOOP.side)
        expect(box.y + box.height).toBeLessThanOrEqual(height - LOOP.bottom)
      }
    }
    expect(withLayout(arranged, sizes)).toBe(arranged)
  })

  it('has room for a node that lost its place', () => {
    const layout = arrange(workflow, sizes)
    for (const path of Object.keys(workflow.nodes)) {
      const { [path]: _, ...others } = layout
      const filled = withLayout({ ...workflow, layout: others }, sizes)
      expect(filled.layout).toMatchObject(others)
      expect(overlapping(filled)).toEqual([])
    }
  })
})

it('reads from left to right', () => {
  const layout = arrange(LOOPED, sizes)
  const x = (path: string) => (layout[path] as Place)[0]
  expect([INPUTS, 'start', 'sample', 'end', 'other'].map(x)).toEqual([INPUTS, 'start', 'sample', 'end', 'other'].map(x).toSorted((a, b) => a - b))
  expect(x('sample.look')).toBeLessThan(x('sample.step'))
  expect(x(INPUTS) + 200).toBeLessThan(Math.min(...Object.keys(LOOPED.nodes).map(x)))
})

it('keeps notes and frames, and drops what is no layout', () => {
  const layout = { start: 'x', end: [1, 'a'], '#notes': [{ at: [0, 0], text: 'n' }, 7], '#frames': 3, other: [5, 6] } as never
  const filled = withLayout({ ...LOOPED, layout }, sizes)
  expect(filled.layout).toMatchObject({ other: [5, 6], '#notes': [{ at: [0, 0], text: 'n' }] })
  expect(Object.hasOwn(filled.layout!, '#frames')).toBe(false)
})

it('a frame grows to hold its body', () => {
  const layout = { ...arrange(LOOPED, sizes), 'sample.look': [900, 700] as Place }
  const [, , width, height] = withLayout({ ...LOOPED, layout }, sizes).layout!.sample as number[]
  expect([width! > 1100, height! > 800]).toEqual([true, true])
})

it('is quick with many', () => {
  const nodes = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`n${i}`, { type: 'mix', in: i ? { one: `n${i - 1}`, two: 'n0' } : {} }]))
  const begun = performance.now()
  arrange(workflowOf(nodes), sizes)
  expect(performance.now() - begun).toBeLessThan(5000)
})

it.each<[Parameters<typeof align>[3], [number, number][]]>([
  ['left', [[0, 0], [0, 300], [0, 40]]], ['right', [[500, 0], [500, 300], [500, 40]]], ['top', [[0, 0], [500, 0], [100, 0]]], ['bottom', [[0, 300], [500, 300], [100, 300]]],
  ['centre', [[250, 0], [250, 300], [250, 40]]], ['middle', [[0, 150], [500, 150], [100, 150]]], ['columns', [[0, 0], [500, 300], [250, 40]]], ['rows', [[0, 0], [500, 300], [100, 150]]],
])('%s', (how, places) => {
  const layout = { a: [0, 0], b: [500, 300], c: [100, 40] } as Record<Path, Place>
  const workflow = workflowOf({ a: { type: 'make' }, b: { type: 'make' }, c: { type: 'make' } }, { layout })
  const { layout: aligned } = align(workflow, ['a', 'b', 'c'], sizes, how)
  expect([aligned!.a, aligned!.b, aligned!.c]).toEqual(places)
})
