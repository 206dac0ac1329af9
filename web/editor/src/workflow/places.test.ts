import { expect, test } from 'vitest'
import { soundLayout } from './places'
import type { Layout } from './types'

test.each([
  [{ a: [1, 2] }, { a: [1, 2] }],
  [{ a: [1], b: ['x', 2], c: null }, {}],
  [{ '#notes': [{ at: [0, 0], text: 7 }, { text: 'nowhere' }] }, { '#notes': [{ at: [0, 0], text: '7' }] }],
  [{ '#sweeps': { seed: '0:3:1', steps: 4 } }, { '#sweeps': { seed: '0:3:1' } }],
  [{ '#of_later': { any: ['thing'] } }, { '#of_later': { any: ['thing'] } }],
])('%j is read as %j', (layout, sound) => {
  expect(soundLayout(layout as unknown as Layout)).toEqual(sound)
})
