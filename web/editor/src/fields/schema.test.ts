import { beforeEach, describe, expect, test } from 'vitest'
import type { ParamSchema } from '../server/types'
import { useLanguage } from '../text/text'
import { read, write } from '../workflow/json'
import type { Json } from '../workflow/types'
import { coerceText, simple, textOf, validate } from './schema'

const schema = (text: string) => read(text) as unknown as ParamSchema
const seed = schema('{"type": "integer", "minimum": 0, "maximum": 9223372036854775807, "default": 0}')
const maybeSeed = schema('{"anyOf": [{"type": "integer", "minimum": 0, "maximum": 9223372036854775807}, {"type": "null"}], "default": null}')
const rate = schema('{"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.005}')

/** The value as JSON, `-` for the default, or the reason. */
function typed(of: ParamSchema, text: string): string {
  const coerced = coerceText(of, text)
  return 'reason' in coerced ? coerced.reason : coerced.value === undefined ? '-' : write(coerced.value)
}

beforeEach(() => useLanguage.setState({ language: 'en' }))

describe('integers', () => {
  test('beyond 2⁵³ they stay exact', () => {
    expect(typed(seed, '9007199254740993')).toBe('9007199254740993')
    expect(typed(seed, '9223372036854775807')).toBe('9223372036854775807')
    expect(typed(seed, '9223372036854775808')).toBe('Must be 9223372036854775807 or less')
  })
  test('as people type them', () => {
    expect(typed(seed, '７')).toBe('7')
    expect(typed(seed, ' 42 ')).toBe('42')
    expect(typed(seed, '7.0')).toBe('7')
    expect(typed(seed, '')).toBe('-')
  })
  test('what is none', () => {
    expect(typed(seed, '7.5')).toBe('Not a whole number')
    expect(typed(seed, 'seven 😀')).toBe('Not a number')
    expect(typed(seed, '-1')).toBe('Must be 0 or more')
  })
  test('reasons are said in Japanese too', () => {
    useLanguage.setState({ language: 'ja' })
    expect(typed(seed, '-1')).toBe('0 以上にしてください')
  })
})

describe('numbers', () => {
  test('are kept as they are written', () => {
    expect(typed({ type: 'number' }, '7.0')).toBe('7.0')
    expect(typed(rate, '1e-4')).toBe('1e-4')
  })
  test('ends that are not in the range', () => {
    expect(typed(rate, '0')).toBe('Must be more than 0')
    expect(typed(rate, '0.0')).toBe('Must be more than 0')
    expect(typed(rate, '1')).toBe('1')
    expect(typed(rate, '1.01')).toBe('Must be 1 or less')
    expect(typed({ type: 'number', exclusiveMaximum: 1 }, '1')).toBe('Must be less than 1')
  })
})

describe('texts', () => {
  const text = (more: Partial<ParamSchema>): ParamSchema => ({ type: 'string', ...more })
  test('an empty one is a text, where it may be', () => {
    expect(typed(text({ default: 'after step' }), '')).toBe('""')
    expect(typed(text({ required: true }), '')).toBe('""')
    expect(typed(text({ default: '' }), '')).toBe('-')
    expect(typed(text({ file: true, required: true }), '')).toBe('-')
    expect(typed(text({ pattern: '^[a-z]+$' }), '')).toBe('-')
  })
  test('are taken as they are', () => {
    expect(typed(text({}), ' 猫の顔 😀\n2 ')).toBe('" 猫の顔 😀\\n2 "')
    expect(typed(text({}), '42')).toBe('"42"')
  })
  test('pattern and length, counted in characters', () => {
    expect(typed(text({ maxLength: 2 }), '😀😀')).toBe('"😀😀"')
    expect(typed(text({ maxLength: 2 }), '😀😀a')).toBe('At most 2 characters')
    expect(typed(text({ pattern: '^[a-z]+$' }), 'A')).toBe('Does not match ^[a-z]+$')
  })
})

describe('lists and the rest', () => {
  const words: ParamSchema = { type: 'array', items: { type: 'string' }, minItems: 1 }
  const points = schema('{"anyOf": [{"type": "array", "minItems": 3, "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "number", "maximum": 2}}}, {"type": "null"}], "default": null}')
  test('JSON, or items between commas', () => {
    expect(typed(words, '["a, b", "c"]')).toBe('["a, b","c"]')
    expect(typed(words, 'a b, 2、猫')).toBe('["a b","2","猫"]')
    expect(typed({ type: 'array', items: { type: 'number' } }, '1, 7.0')).toBe('[1,7.0]')
    expect(typed({ type: 'array', items: {} }, 'ddim, 9007199254740993')).toBe('["ddim",9007199254740993]')
    expect(typed(points, '')).toBe('-')
  })
  test('what is wrong, and where', () => {
    expect(typed(words, '[]')).toBe('Needs 1 or more')
    expect(typed(words, '["a", 2]')).toBe('Item 2: Not a text')
    expect(typed(words, '["a",')).toMatch(/^Not JSON: /)
    expect(typed(points, '[[0, 0], [1, 3], [1, 1]]')).toBe('Item 2: Item 2: Must be 2 or less')
    expect(typed({ type: 'object' }, '[1]')).toBe('Not an object, such as {"a": 1}')
  })
})

test('null goes with what it is beside', () => {
  expect(simple(maybeSeed)).toMatchObject({ nullable: true, schema: { type: 'integer', minimum: 0 } })
  expect(simple({ anyOf: [{ type: 'integer' }, { type: 'number' }, { type: 'null' }] }).schema.type).toBe('number')
  expect(typed(maybeSeed, '')).toBe('-')
  expect(typed({ ...maybeSeed, default: 7 }, '')).toBe('null')
  expect(typed(maybeSeed, '-3')).toBe('Must be 0 or more')
})

test('values are checked by the same rules', () => {
  const wrong = (of: ParamSchema, value: Json | undefined) => validate(of, value)
  expect(wrong(seed, undefined)).toBeNull()
  expect(wrong({ type: 'string', required: true }, undefined)).toBe('Needs a value')
  expect(wrong(maybeSeed, null)).toBeNull()
  expect(wrong(seed, null)).toBe('Not a number')
  expect(wrong({ type: 'boolean' }, 'yes')).toBe('Neither true nor false')
  expect(wrong({ type: 'string', enum: ['a', 'b'] }, 'c')).toBe('Not one of the choices')
  expect(wrong({ type: 'object' }, read('7.0'))).toBe('Not an object, such as {"a": 1}')
  expect(wrong({ anyOf: [{ type: 'string' }, { type: 'boolean' }] }, true)).toBeNull()
  expect(wrong({ anyOf: [{ type: 'string' }, { type: 'boolean' }] }, 1)).toBe('Not a text')
  expect(wrong({}, [1])).toBeNull()
})

test('values as text', () => {
  expect(textOf({ type: 'number' }, read('7.0'))).toBe('7.0')
  expect(textOf(seed, undefined)).toBe('0')
  expect(textOf(maybeSeed, undefined)).toBe('')
  expect(textOf({ type: 'string' }, '"a"')).toBe('"a"')
  expect(textOf({ type: 'array' }, ['a', read('7.0')])).toBe('["a",7.0]')
  expect(textOf({}, 'a')).toBe('"a"')
})
