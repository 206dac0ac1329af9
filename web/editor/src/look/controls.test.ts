import { expect, test } from 'vitest'
import { controlOf, isSpecial, pieceText, typedNumber } from './controls'

test('a schema asks for its control', () => {
  expect(controlOf({ type: 'boolean' }).as).toBe('switch')
  expect(controlOf({ enum: ['samples', 'denoised'] }).as).toBe('segments')
  expect(controlOf({ enum: ['sigma', 'log sigma', 'signal to noise', 'signal share'] }).as).toBe('choice')
  expect(controlOf({ type: 'string' }).as).toBe('text')
  expect(controlOf({ type: 'integer', minimum: -1, default: -1 })).toMatchObject({ as: 'number', all: true, low: 0, bounded: false })
  expect(controlOf({ type: 'integer', minimum: 2, maximum: 1000, default: 60 })).toMatchObject({ all: false, bounded: true })
  expect(controlOf({ anyOf: [{ type: 'number' }, { type: 'null' }] })).toMatchObject({ as: 'number', whole: false, low: null })
})

test('only a number in its range is taken', () => {
  const range = { whole: true, low: 0, high: 9 }
  expect(typedNumber('7', range)).toBe(7)
  for (const text of ['', '-1', '10', '1.5', 'x']) expect(typedNumber(text, range)).toBeNull()
})

test('pieces of text', () => {
  expect([pieceText('cat</w>'), pieceText('<|endoftext|>'), pieceText('<')]).toEqual(['cat', 'endoftext', '<'])
  for (const piece of ['<|startoftext|>', '<pad>', '</s>', '[CLS]']) expect(isSpecial(piece)).toBe(true)
  for (const piece of ['cat</w>', '<', '[', '</w>']) expect(isSpecial(piece)).toBe(false)
})
