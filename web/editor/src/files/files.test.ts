import { beforeEach, expect, test } from 'vitest'
import { useLanguage } from '../text/text'
import { write } from '../workflow/json'
import { bytesText } from './bytes'
import { nameFault, nameFor, tidied } from './name'
import { openFile, parseWorkflow } from './openFile'
import { fits } from './SearchField'
import { misfit } from './shape'
import { ago, lasted } from './when'

beforeEach(() => useLanguage.setState({ language: 'en' }))

const parse = (text: string) => parseWorkflow(text, 'a.json')

test('a workflow keeps its numbers as they were written', () => {
  const text = '{"diffuscope":1,"nodes":{"noise":{"type":"noise","params":{"seed":9007199254740993,"scale":7.0}}}}'
  expect(write(parse(text))).toBe(text)
})

test.each([
  ['{"a": 1,\n "b": }', 'a.json, line 2, column 7: the JSON is broken at “}”.'],
  ['{"a": 1', 'a.json, line 1, column 8: the JSON is broken off: the file ends here.'],
  ['', 'a.json, line 1, column 1: the JSON is broken off: the file ends here.'],
  ['{"a": 1,\n "a": 2}', 'a.json, line 2, column 3: the key “a” stands there twice.'],
  ['['.repeat(100_000), 'a.json: the JSON is nested too deeply.'],
  ['[1]', 'a.json is no workflow: the object that it should be is missing or of the wrong kind.'],
  ['{"title": "x"}', 'a.json is no workflow: nodes is missing or of the wrong kind.'],
])('%.20s', (text, line) => {
  expect(() => parse(text)).toThrow(line)
})

test.each([
  [{ nodes: { a: null } }, 'nodes.a'],
  [{ nodes: { a: {} } }, 'nodes.a.type'],
  [{ nodes: { a: { type: 'x', in: { b: 1 } } } }, 'nodes.a.in.b'],
  [{ nodes: { a: { type: 'repeat', for: { i: [0] }, body: {} } } }, 'nodes.a.for.i'],
  [{ nodes: { a: { type: 'repeat', for: { i: [0, 'n'] }, body: { b: 3 } } } }, 'nodes.a.body.b'],
  [{ nodes: {}, inputs: { a: 1 } }, 'inputs.a'],
  [{ nodes: {}, layout: { a: [1, 2, 3] } }, 'layout.a'],
  [{ nodes: {}, layout: { '#notes': [{ at: [0, 0] }] } }, 'layout.#notes[0].text'],
  [{ nodes: { constructor: { type: 'x' } }, layout: { constructor: [1, 2] } }, null],
  [{ nodes: { a: { type: 'repeat', for: { i: [0, 'n'] }, body: { b: { type: 'x' } } } }, layout: { '#sweeps': { seed: '0:9:1' } } }, null],
])('the shape of %j', (data, where) => {
  expect(misfit(data)).toBe(where)
})

test('other files, and pictures that are too large, are refused before they are sent', async () => {
  await expect(openFile(new File(['x'], 'a.txt', { type: 'text/plain' }))).rejects.toThrow('a.txt: expected a workflow')
  const large = new File([new Uint8Array(32 * 2 ** 20 + 1)], 'a.png')
  await expect(openFile(large)).rejects.toThrow('a.png is 33.6 MB; 33.6 MB are the most.')
  useLanguage.setState({ language: 'ja' })
  await expect(openFile(large)).rejects.toThrow('上限')
})

test('names are as the server takes them', () => {
  for (const name of ['a', 'Zwei Füchse (2)', '狐の顔', '_x.y+z=1,2-3']) expect(nameFault(name)).toBe('')
  for (const name of ['', 'a/b', 'a:b', '.a', '-a', 'a.', 'CON', 'com1.x', 'あ'.repeat(41), '🦊']) expect(nameFault(name)).not.toBe('')
  expect(tidied('  a ')).toBe('a')
})

test('a name is made of a title', () => {
  expect(nameFor('What: a fox?')).toBe('What a fox')
  expect(nameFor('?! ...')).toBe('')
  expect(nameFault(nameFor('あ'.repeat(60)))).toBe('')
})

test('times and sizes in words', () => {
  const now = Date.parse('2026-11-22T12:00:00Z')
  expect(ago('2026-11-22T11:59:50Z', now, 'en')).toBe('now')
  expect(ago('2026-11-22T11:57:00Z', now, 'en')).toBe('3 minutes ago')
  expect(ago('2026-11-22T11:00:20Z', now, 'en')).toBe('1 hour ago')
  expect(ago('2026-11-21T12:00:00Z', now, 'ja')).toBe('昨日')
  expect(ago('2024-11-22T12:00:00Z', now, 'en')).toBe('2 years ago')
  expect(ago('2026-11-22T12:00:09Z', now, 'en')).toBe('now')
  expect([0.04, 0.91, 42.4, 120, 125, 7500].map((seconds) => lasted(seconds, 'en'))).toEqual([
    '0.04 sec', '0.9 sec', '42 sec', '2 min', '2 min 5 sec', '2 hr 5 min',
  ])
  expect(bytesText(8524, 'en')).toBe('8.5 kB')
  expect(bytesText(0, 'en')).toBe('0 kB')
})

test('a search finds every word somewhere', () => {
  expect(fits('fox SEED', 'A fox', 'one seed')).toBe(true)
  expect(fits('fox cat', 'A fox')).toBe(false)
  expect(fits('', 'A fox')).toBe(true)
})
