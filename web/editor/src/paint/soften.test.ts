import { describe, expect, it } from 'vitest'
import { blank, fill, stamp, WHITE, type Mask } from './mask'
import { feather, grow, shrink } from './soften'

/** White columns from 10 on. */
function half(width = 20, height = 5): Mask {
  const mask = blank(width, height)
  fill(mask, { left: 10, top: 0, right: width, bottom: height }, WHITE)
  return mask
}

describe('feather', () => {
  it.each([1, 2, 3, 4, 8])('by %i reaches so many pixels and no farther, evenly on both sides', (reach) => {
    const mask = half()
    feather(mask, reach)
    const row = [...mask.values.subarray(40, 60)]
    expect(row[9 - reach] ?? 0).toBe(0)
    expect(row[10 + reach] ?? 255).toBe(255)
    expect(row[10 - reach]).toBeGreaterThan(reach < 8 ? 0 : -1)
    for (let at = 1; at < 20; at++) expect(row[at]).toBeGreaterThanOrEqual(row[at - 1]!)
    for (let at = 0; at < 10; at++) expect(Math.abs(row[at]! + row[19 - at]! - 255)).toBeLessThanOrEqual(1)
  })

  it('leaves a mask of one value alone, and is the same along both axes', () => {
    const mask = blank(7, 9)
    fill(mask, { left: 0, top: 0, right: 7, bottom: 9 }, 77)
    feather(mask, 30)
    expect(new Set(mask.values)).toEqual(new Set([77]))

    const dot = blank(21, 21)
    stamp(dot, { x: 10.5, y: 10.5 }, 5, WHITE)
    feather(dot, 6)
    for (let y = 0; y < 21; y++) for (let x = 0; x < 21; x++) expect(Math.abs(dot.values[y * 21 + x]! - dot.values[x * 21 + y]!)).toBeLessThanOrEqual(1)
  })
})

describe('grow', () => {
  it('takes the whitest within a disc', () => {
    const mask = blank(15, 15)
    mask.values[7 * 15 + 7] = 200
    mask.values[7 * 15 + 8] = 100
    grow(mask, 4)
    for (let y = 0; y < 15; y++) {
      for (let x = 0; x < 15; x++) {
        const expected = (x - 7) ** 2 + (y - 7) ** 2 <= 16 ? 200 : (x - 8) ** 2 + (y - 7) ** 2 <= 16 ? 100 : 0
        expect(mask.values[y * 15 + x]).toBe(expected)
      }
    }
  })

  it('and shrink move an edge by as much, not where the white reaches the edge of the picture', () => {
    const mask = half()
    grow(mask, 3)
    expect(mask.values.indexOf(WHITE)).toBe(7)
    shrink(mask, 5)
    expect(mask.values.indexOf(WHITE)).toBe(12)
    expect(mask.values[19]).toBe(WHITE)
  })

  it('farther than the picture fills it', () => {
    const mask = half(12, 2)
    grow(mask, 64)
    expect(new Set(mask.values)).toEqual(new Set([WHITE]))
  })
})
