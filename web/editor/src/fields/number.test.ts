import { describe, expect, test } from 'vitest'
import type { ParamSchema } from '../server/types'
import { numberText, readNumber } from '../workflow/json'
import { canRoll, exact, moved, parseNumber, pixelsPerStep, roll, share, stepOf, whole } from './number'

const seed = { type: 'integer', minimum: 0, maximum: readNumber('9223372036854775807') } as unknown as ParamSchema
const rate: ParamSchema = { type: 'number', exclusiveMinimum: 0, maximum: 1, default: 0.005 }
const typed = (text: string) => {
  const value = parseNumber(text)
  return value === null ? null : numberText(value)
}

test('numbers as they are typed', () => {
  expect(['7', '７', '+7', '007', ' 7 '].map(typed)).toEqual(['7', '7', '7', '7', '7'])
  expect(['7.0', '.5', '5.', '−0.25', '１．５', '1E-4'].map(typed)).toEqual(['7.0', '0.5', '5', '-0.25', '1.5', '1e-4'])
  expect(['', '.', '-', '1e', '1,5', '7 8', '0x10', 'NaN', '1e999', '😀', 'ten'].map(typed)).toEqual(Array(11).fill(null))
  expect(typed('9223372036854775807')).toBe('9223372036854775807')
})

test('whole numbers', () => {
  expect(['7', '7.0', '-7', '9007199254740993'].map((text) => String(whole(readNumber(text))))).toEqual(['7', '7', '-7', '9007199254740993'])
  expect([readNumber('7.5'), readNumber('1e3')].map(whole)).toEqual([null, null])
  expect(exact(readNumber('9007199254740993')) > exact(9007199254740992)).toBe(true)
})

test('the step is that of the schema, or suits default and range', () => {
  expect(stepOf({ type: 'number', step: 0.05 }, 1)).toBe(0.05)
  expect(stepOf({ type: 'integer', minimum: 8, maximum: 8192 }, 512)).toBe(1)
  expect(stepOf({ type: 'number', minimum: 0, maximum: 1, default: 0.75 }, 0.1)).toBe(0.01)
  expect(stepOf({ type: 'number', minimum: 0, maximum: 50, default: 7.5 }, 7.5)).toBe(0.1)
  expect(stepOf({ type: 'number', minimum: 0, maximum: 1, default: 0 }, 0)).toBe(0.01)
  expect(stepOf(rate, undefined)).toBe(0.0001)
  expect(stepOf({ type: 'number' }, undefined)).toBe(0.1)
  expect(stepOf({ type: 'number' }, 1e6)).toBe(1)
})

describe('moving', () => {
  test('large whole numbers stay exact, and within the range', () => {
    expect(numberText(moved(seed, readNumber('9007199254740993'), 10, 1))).toBe('9007199254741003')
    expect(numberText(moved(seed, readNumber('9223372036854775806'), 1, 1))).toBe('9223372036854775807')
    expect(numberText(moved(seed, readNumber('9223372036854775807'), 10, 1))).toBe('9223372036854775807')
    expect(moved(seed, 3, -10, 1)).toBe(0)
    expect(moved({ type: 'integer', exclusiveMinimum: 0, exclusiveMaximum: 10 }, 5, -9, 1)).toBe(1)
    expect(moved({ type: 'integer', exclusiveMinimum: 0, exclusiveMaximum: 10 }, 5, 9, 1)).toBe(9)
  })
  test('decimals without noise', () => {
    expect(moved({ type: 'number' }, 0.1, 2, 0.1)).toBe(0.3)
    expect(moved({ type: 'number' }, readNumber('7.0'), 1, 0.5)).toBe(7.5)
    expect(moved({ type: 'number' }, 1, 0.3, 0.1)).toBe(1.03)
    expect(moved({ type: 'number' }, 1e-7, 1, 1e-8)).toBe(1.1e-7)
  })
  test('an end that is not in the range is not reached', () => {
    expect(moved(rate, 0.0001, -1, 0.0001)).toBe(0.0001)
    expect(moved(rate, 0.5, 1e6, 0.0001)).toBe(1)
    expect(moved({ type: 'number', minimum: 0, exclusiveMaximum: 1 }, 0.9, 5, 0.1)).toBe(0.9)
  })
})

test('the place in the range', () => {
  expect(share({ type: 'number', minimum: 0, maximum: 50 }, 12.5)).toBe(0.25)
  expect(share({ type: 'integer', minimum: 0 }, 12)).toBeNull()
  expect(share(seed, 12)).toBeNull()
})

test('pixels for a step', () => {
  expect(pixelsPerStep({ type: 'integer', minimum: 8, maximum: 8192 }, 1)).toBe(1)
  expect(pixelsPerStep({ type: 'integer', minimum: 0, maximum: 3 }, 1)).toBe(12)
  expect(pixelsPerStep({ type: 'number', minimum: 0, maximum: 1 }, 0.01)).toBeCloseTo(3)
  expect(pixelsPerStep({ type: 'integer', minimum: 0 }, 1)).toBe(4)
})

test('only a large range from 0 is rolled in', () => {
  expect(canRoll(seed)).toBe(true)
  expect(canRoll({ type: 'integer', minimum: 0, maximum: 2 ** 31 })).toBe(true)
  expect(canRoll({ type: 'integer', minimum: 1, maximum: 2 ** 40 })).toBe(false)
  expect(canRoll({ type: 'integer', minimum: 0 })).toBe(false)
  expect(canRoll({ type: 'number', minimum: 0, maximum: 2 ** 40 })).toBe(false)
  for (let i = 0; i < 100; i++) expect(roll(seed)).toSatisfy((value: number) => Number.isInteger(value) && value >= 0 && value < 2 ** 32)
})
