import { expect, test } from 'vitest'
import { fitted, settled, zoomed } from './zoom'

const frame = { width: 400, height: 300 }

test('small pictures grow by whole factors, large ones shrink', () => {
  expect(fitted({ width: 64, height: 64 }, frame)).toEqual({ scale: 4, x: 72, y: 22 })
  expect(fitted({ width: 800, height: 300 }, frame).scale).toBe(0.5)
  expect(fitted({ width: 16, height: 16 }, { width: 4000, height: 4000 }).scale).toBe(48)
})

test('what is under the pointer stays there', () => {
  const size = { width: 400, height: 300 }
  const at = { x: 100, y: 50 }
  const near = zoomed(fitted(size, frame), 2, at, size, frame)
  expect(near).toEqual({ scale: 2, x: -100, y: -50 })
  expect(zoomed(near, 0.5, at, size, frame)).toEqual({ scale: 1, x: 0, y: 0 })
})

test('a picture cannot be lost: it covers its frame, or lies in the middle', () => {
  expect(settled({ scale: 1, x: 999, y: -999 }, { width: 800, height: 100 }, frame)).toEqual({ scale: 1, x: 0, y: 100 })
})
