import { describe, expect, it } from 'vitest'
import { between, blank, clipped, fill, invert, NOTHING, share, stamp, stroke, union, WHITE, whole, type Mask } from './mask'

const drawn = ({ width, values }: Mask) =>
  Array.from({ length: values.length / width }, (_, row) => [...values.subarray(row * width, (row + 1) * width)].map((value) => (value ? '#' : '.')).join(''))

describe('stamp', () => {
  it.each([
    [1, ['.....', '.....', '..#..', '.....', '.....']],
    [2, ['.....', '.....', '..##.', '..##.', '.....']],
    [3, ['.....', '.###.', '.###.', '.###.', '.....']],
    [5, ['.###.', '#####', '#####', '#####', '.###.']],
  ])('of size %i is a disc of whole pixels', (size, rows) => {
    const mask = blank(5, 5)
    stamp(mask, { x: 2.7, y: 2.6 }, size, WHITE)
    expect(drawn(mask)).toEqual(rows)
  })

  it('tells the box that it touched and stays inside the picture', () => {
    const mask = blank(4, 3)
    expect(stamp(mask, { x: 0.5, y: 0.5 }, 3, WHITE)).toEqual({ left: 0, top: 0, right: 2, bottom: 2 })
    expect(drawn(mask)).toEqual(['##..', '##..', '....'])
    expect(stamp(mask, { x: -9, y: 1 }, 3, WHITE)).toEqual(NOTHING)
  })
})

describe('stroke', () => {
  it('of one pixel leaves no gap, however far the points are apart', () => {
    const mask = blank(100, 60)
    stroke(mask, { x: 0.5, y: 0.5 }, { x: 99.5, y: 59.5 }, 1, WHITE)
    const rows = drawn(mask)
    for (let row = 1; row < 60; row++) {
      const reach = rows[row - 1]!.lastIndexOf('#')
      expect(rows[row]!.indexOf('#')).toBeLessThanOrEqual(reach + 1)
    }
    expect(rows.every((row) => !/#\.+#/.test(row))).toBe(true)
    expect([rows[0]![0], rows[59]![99]]).toEqual(['#', '#'])
  })

  it('with a large brush has a smooth edge', () => {
    const mask = blank(400, 100)
    stroke(mask, { x: 50, y: 50 }, { x: 350, y: 50 }, 60, WHITE)
    expect(drawn(mask).slice(20, 80).every((row) => row.slice(50, 350) === '#'.repeat(300))).toBe(true)
  })

  it('that leaves the picture comes back', () => {
    const mask = blank(4, 2)
    const box = union(stroke(mask, { x: 2, y: 0.5 }, { x: 40, y: 0.5 }, 1, WHITE), stroke(mask, { x: 40, y: 1.5 }, { x: 3, y: 1.5 }, 1, WHITE))
    expect(drawn(mask)).toEqual(['..##', '...#'])
    expect(box).toEqual({ left: 2, top: 0, right: 4, bottom: 2 })
  })
})

describe('boxes', () => {
  it('hold both corners of a rectangle, whichever comes first', () => {
    expect(between({ x: 3.9, y: 1 }, { x: 1.2, y: 2.5 })).toEqual({ left: 1, top: 1, right: 4, bottom: 3 })
  })

  it('fill what lies inside', () => {
    const mask = blank(4, 3)
    expect(fill(mask, { left: 2, top: -5, right: 99, bottom: 2 }, WHITE)).toEqual({ left: 2, top: 0, right: 4, bottom: 2 })
    expect(drawn(mask)).toEqual(['..##', '..##', '....'])
    fill(mask, { left: 3, top: 0, right: 4, bottom: 1 }, 0)
    expect(drawn(mask)).toEqual(['..#.', '..##', '....'])
  })

  it('start from nothing', () => {
    const box = { left: 1, top: 2, right: 3, bottom: 4 }
    expect(union(NOTHING, box)).toEqual(box)
    expect(clipped({ left: 9, top: 9, right: 12, bottom: 12 }, { width: 4, height: 4 })).toEqual(NOTHING)
  })
})

it('invert twice is the mask as it was, and shares add up to one', () => {
  const mask: Mask = { width: 2, height: 2, values: Uint8Array.of(0, 51, 255, 102) }
  expect(share(mask)).toBeCloseTo(0.4)
  expect(invert(mask)).toEqual(whole(mask))
  expect([...mask.values]).toEqual([255, 204, 0, 153])
  invert(mask)
  expect([...mask.values]).toEqual([0, 51, 255, 102])
})
