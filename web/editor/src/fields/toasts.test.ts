import { beforeEach, expect, test } from 'vitest'
import { closeToast, toast, useToasts } from './toasts'

const said = () => useToasts.getState().toasts.map(({ message }) => message)

beforeEach(() => useToasts.setState({ toasts: [] }))

test('four at most; what is bad stays longest', () => {
  toast('bad', { kind: 'bad' })
  for (const message of ['a', 'b', 'c', 'd']) toast(message)
  expect(said()).toEqual(['bad', 'b', 'c', 'd'])
})

test('the same again replaces itself', () => {
  for (const message of ['a', 'b', 'a']) toast(message)
  expect(said()).toEqual(['b', 'a'])
})

test('is closed by its id', () => {
  toast('a')
  toast('b')
  closeToast(useToasts.getState().toasts[0]?.id ?? -1)
  expect(said()).toEqual(['b'])
})
