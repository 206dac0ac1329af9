import { expect, test } from 'vitest'
import { read, write } from '../workflow/json'
import type { Json } from '../workflow/types'
import { axisParams, axisText } from './axis'

test.each([
  ['{"from": 0.6, "to": 0.99, "step": 0.01}', '0.6:0.99:0.01'],
  ['{"from": 1, "to": 5}', '1:5'],
  ['{"seeds": 100, "start": 7}', 'seeds 100 from 7'],
  ['{"values": [1, 2.0, 3]}', '1, 2.0, 3'],
  ['{"values": ["ddim", "猫 の顔"]}', 'ddim, 猫 の顔'],
  ['{"values": ["1", "a, b"]}', '["1","a, b"]'],
  ['{"values": [9007199254740993]}', '9007199254740993'],
])('%s is written %s, and read back', (params, text) => {
  expect(axisText(read(params) as Record<string, Json>)).toBe(text)
  expect(write(axisParams(text))).toBe(write(read(params)))
})

test.each(['', '1,,2', '[', '[]', ','])('%s says no values', (text) => {
  expect(axisParams(text)).toBeNull()
})
