import { expect, it } from 'vitest'
import { workflowOf } from './fixtures'
import { type History, MOST, push, redone, settled, started, undone } from './history'

const version = (title: string) => workflowOf({}, { title })
const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(version) as [ReturnType<typeof version>, ReturnType<typeof version>, ReturnType<typeof version>, ReturnType<typeof version>]
const titles = ({ past, present, future }: History) => [past, [present], future].map((list) => list.map(({ title }) => title).join('')).join('|')

it('goes back and forth', () => {
  const history = push(push(push(started(a), b), c), d)
  expect(titles(history)).toBe('abc|d|')
  expect(titles(undone(undone(history)))).toBe('a|b|cd')
  expect(titles(redone(undone(undone(history))))).toBe('ab|c|d')
  expect(titles(push(undone(history), a))).toBe('abc|a|')
  expect([undone(started(a)), redone(started(a))].map(titles)).toEqual(['|a|', '|a|'])
  expect(push(history, d)).toBe(history)
})

it('a gesture is one step', () => {
  const typed = push(push(push(started(a), b, 'word'), c, 'word'), d, 'word')
  expect(titles(typed)).toBe('a|d|')
  expect(titles(push(settled(push(started(a), b, 'word')), c, 'word'))).toBe('ab|c|')
  expect(titles(push(push(started(a), b, 'word'), c, 'other'))).toBe('ab|c|')
  expect(titles(push(undone(typed), c, 'word'))).toBe('a|c|')
})

it('forgets what is long past', () => {
  let history = started(a)
  for (let count = 0; count < MOST + 5; count++) history = push(history, version(String(count)))
  expect([history.past.length, history.past[0]!.title]).toEqual([MOST, '4'])
})
