import { LosslessNumber } from 'lossless-json'
import { expect, test, vi } from 'vitest'
import type { View } from '../server/types'
import { difference } from './difference'
import { Shelf } from './loaded'
import { coordinates, firstSheet, placeAt, turned } from './sweep'
import { asked, useViewParams } from './viewParams'
import { bytesText, jsonText, short } from './written'

test('a shelf asks once, forgets what was not used for longest, and keeps no refusal', async () => {
  const load = vi.fn(async (name: string) => {
    if (name === 'no') throw new Error('no')
    return name.toUpperCase()
  })
  const shelf = new Shelf(load, 2)
  expect(await Promise.all([shelf.get('a'), shelf.get('a')])).toEqual(['A', 'A'])
  expect(load).toHaveBeenCalledTimes(1)
  await shelf.get('b')
  await shelf.get('a')
  await shelf.get('c')
  expect([shelf.now('a'), shelf.now('b'), shelf.now('c')]).toEqual(['A', undefined, 'C'])
  await expect(shelf.get('no')).rejects.toThrow('no')
  await expect(shelf.get('no')).rejects.toThrow('no')
  expect(load).toHaveBeenCalledTimes(5)
})

test('params are kept by type and view; a view is asked only for what differs from its defaults', () => {
  useViewParams.getState().setParam('Latent.channels', 'channel', 2)
  useViewParams.getState().setParam('Latent.channels', 'of', 'samples')
  const view: View = {
    name: 'channels', type: 'Latent', shows: 'picture', help: '',
    params: { channel: { type: 'integer', default: -1 }, of: { type: 'string', default: 'samples' } },
  }
  expect(asked(view, useViewParams.getState().params['Latent.channels']!)).toEqual({ channel: 2 })
  expect(asked(view, { other: 1 })).toEqual({})
})

test('a sheet of a sweep', () => {
  const axes = [{ name: 'seed', values: [1, 2] }, { name: 'steps', values: [5] }, { name: 'strength', values: [0.5, 0.75] }]
  const sheet = firstSheet(axes)
  expect(sheet).toEqual({ rows: 1, columns: 2, at: [0, 0, 0] })
  expect(turned(sheet, 'rows', 2)).toMatchObject({ rows: 2, columns: 1 })
  expect(placeAt({ ...sheet, at: [1, 0, 0] }, 0, 1)).toEqual([1, 0, 1])
  expect(coordinates(axes, [1, 0, 1])).toBe('seed=2, steps=5, strength=0.75')
  expect(firstSheet([])).toEqual({ rows: null, columns: null, at: [] })
})

test('a difference is absolute, opaque and enlarged; its mean is not', () => {
  const { pixels, mean } = difference(Uint8ClampedArray.of(10, 0, 5, 255), Uint8ClampedArray.of(0, 3, 5, 255), 4)
  expect([...pixels]).toEqual([40, 12, 0, 255])
  expect(mean).toBeCloseTo(13 / 3)
})

test('as a person writes it', () => {
  expect(short(0.123456789)).toBe('0.12346')
  expect(jsonText([1, 'a', null, { b: new LosslessNumber('1.0') }])).toBe('1, a, –, b: 1')
  expect([bytesText(0), bytesText(999), bytesText(8524), bytesText(2.5e9)]).toEqual(['0 B', '999 B', '8.5 kB', '2.5 GB'])
})
