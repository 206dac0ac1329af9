import { expect, test } from 'vitest'
import { index, plainLetters, search, type PaletteItem } from './match'

const item = (id: string, label: string, words = '', detail = ''): PaletteItem => ({ id, label, words, detail, group: '' })
const items = index([
  item('vae_decode', 'VAE decode', 'VAE デコード', 'Turn a latent into a picture.'),
  item('denoise_step', 'Denoise step', 'ノイズ除去ステップ', 'Move the latent one noise level down.'),
  item('decode_text', 'Decode', '', ''),
  item('noise', 'Noise', 'ノイズ', 'Gaussian noise by a seed.'),
  item('load_image', 'Load picture', '画像を読み込む', 'From a file.'),
])
const found = (query: string) => search(items, query).map(({ id }) => id)

test('an empty query finds all, as they came', () => expect(found(' ')).toEqual(['vae_decode', 'denoise_step', 'decode_text', 'noise', 'load_image']))

test('names before other names, and those before the help', () => {
  expect(found('decode')).toEqual(['decode_text', 'vae_decode'])
  expect(found('noise')).toEqual(['noise', 'denoise_step'])
  expect(found('picture')).toEqual(['load_image', 'vae_decode'])
})

test('the start of a word, then inside, then letters in order', () => {
  expect(found('de')).toEqual(['decode_text', 'denoise_step', 'vae_decode'])
  expect(found('dst')).toEqual(['denoise_step'])
  expect(found('vdc')).toEqual(['vae_decode'])
})

test('every word must be found', () => {
  expect(found('step latent')).toEqual(['denoise_step'])
  expect(found('step zebra')).toEqual([])
})

test('names in either language, whatever the width and the kana', () => {
  expect(found('のいず')).toEqual(['noise', 'denoise_step'])
  expect(found('画像')).toEqual(['load_image'])
  expect(found('ＶＡＥ')).toEqual(['vae_decode'])
  expect(found('load_image')).toEqual(['load_image'])
  expect(plainLetters('Éデ')).toBe('eで')
})
