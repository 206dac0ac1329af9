import { expect, test } from 'vitest'
import { faultsAt, placeOf } from './faults'

test.each([
  ['nodes.noise.params.seed', 'noise', 'params.seed'],
  ['nodes.sample.body.denoise.in.latent', 'sample.denoise', 'in.latent'],
  ['nodes.a.body.b.body.c', 'a.b.c', ''],
  ['nodes.body.in.x', 'body', 'in.x'],
  ['inputs.steps', '#inputs', 'steps'],
  ['nodes', '', 'nodes'],
  ['only', '', 'only'],
])('%s is at %s', (where, path, part) => {
  expect(placeOf(where)).toEqual({ path, part })
})

test('the faults of a node are the same list for the same faults', () => {
  const faults = [{ where: 'nodes.a.in.x', message: 'm', hint: '' }, { where: 'nodes.b', message: 'n', hint: '' }]
  expect(faultsAt(faults, 'a')).toEqual([faults[0]])
  expect(faultsAt(faults, 'a')).toBe(faultsAt(faults, 'a'))
  expect(faultsAt(faults, 'c')).toEqual([])
})
