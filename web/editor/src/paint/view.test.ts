import { describe, expect, it } from 'vitest'
import { fitted, moved, revealed, toPicture, zoomed } from './view'

const room = { width: 800, height: 600 }

describe('view', () => {
  it('shows small pictures large, by a whole number, and large ones whole', () => {
    expect(fitted({ width: 64, height: 64 }, room)).toEqual({ scale: 9, x: 112, y: 12 })
    const { scale, x, y } = fitted({ width: 4096, height: 2048 }, room)
    expect(scale).toBeCloseTo(776 / 4096)
    expect([x, y]).toEqual([12, 106])
  })

  it('keeps the point under the pointer while it zooms, between two limits', () => {
    const picture = { width: 512, height: 512 }
    const at = { x: 420, y: 290 }
    const before = fitted(picture, room)
    const after = zoomed(before, 3, at, picture, room)
    expect(after.scale).toBe(3 * before.scale)
    expect(toPicture(after, at).x).toBeCloseTo(toPicture(before, at).x, 0)
    expect(toPicture(after, at).y).toBeCloseTo(toPicture(before, at).y, 0)
    expect(zoomed(before, 1e9, at, picture, room).scale).toBe(64)
    expect(zoomed(before, 0, at, picture, room).scale).toBe(0.5)
  })

  it('never loses the picture, and brings a point back', () => {
    const picture = { width: 100, height: 100 }
    const away = moved({ scale: 2, x: 0, y: 0 }, { x: 1e6, y: -1e6 }, picture, room)
    expect(away).toEqual({ scale: 2, x: 752, y: -152 })
    const near = { scale: 20, x: 0, y: 0 }
    expect(revealed(near, { x: 90, y: 5 }, picture, room)).toEqual({ scale: 20, x: 752 - 1800, y: 0 })
    expect(revealed(near, { x: 20, y: 20 }, picture, room)).toEqual(near)
  })
})
