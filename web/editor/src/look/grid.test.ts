import { describe, expect, test } from 'vitest'
import { read } from '../workflow/json'
import { gridOf, heat, rangeOf, sliceOf, sorted, tableOf } from './grid'

describe('what a view says', () => {
  test('a table is told by its columns and rows', () => {
    expect(tableOf({ columns: ['a'], rows: [[1]] })?.rows).toEqual([[1]])
    expect(tableOf({ values: [1] })).toBeNull()
  })

  test('numbers along axes, of which the first is chosen', () => {
    const grid = gridOf(read('{"axes": {"channel": [0, 1], "row": [0], "column": [0, 1]}, "values": [[[1.0, 2]], [[3, null]]]}'))!
    expect(grid.axes.map(({ name }) => name)).toEqual(['channel', 'row', 'column'])
    expect(sliceOf(grid, [])).toEqual([[1, 2]])
    expect(sliceOf(grid, [1])).toEqual([[3, null]])
  })

  test('lists beside the values name the outer axes; what is inside is rows and columns, of any size', () => {
    const grid = gridOf({ layer: ['up', 'mid'], values: [[[1, 2], [3, 4]], [[5]]] })!
    expect(grid.axes.map(({ name }) => name)).toEqual(['layer', 'row', 'column'])
    expect(sliceOf(grid, [1])).toEqual([[5]])
  })

  test('a picture is looked at colour by colour', () => {
    const grid = gridOf({ width: 2, height: 1, pixels: [[[1, 2, 3], [4, 5, 6]]] })!
    expect(grid.axes[0]).toEqual({ name: 'colour', labels: ['red', 'green', 'blue'] })
    expect(sliceOf(grid, [2])).toEqual([[3, 6]])
  })

  test('a single axis goes down', () => {
    expect(sliceOf(gridOf({ axes: { dimension: [0, 1] }, values: [7, 8] })!, [])).toEqual([[7], [8]])
  })

  test('what is no grid', () => {
    expect(gridOf([1])).toBeNull()
    expect(gridOf({ columns: [], rows: [] })).toBeNull()
  })
})

test('heat grows with the number, and has two colours around zero', () => {
  expect(heat(5, [0, 10])).toContain('accent) 21%')
  expect(heat(-5, [-10, 5])).toContain('warn) 21%')
  expect(heat(null, [0, 1])).toBeUndefined()
  expect(heat(1, [1, 1])).toBeUndefined()
  expect(rangeOf([null, 3, -1])).toEqual([-1, 3])
})

test('sorting knows numbers from names, and puts what is missing last', () => {
  const rows = [['b10', 10], ['b9', null], ['a', 9]]
  expect(sorted(rows, 1, false).map((row) => row[1])).toEqual([9, 10, null])
  expect(sorted(rows, 1, true).map((row) => row[1])).toEqual([10, 9, null])
  expect(sorted(rows, 0, false).map((row) => row[0])).toEqual(['a', 'b9', 'b10'])
})
