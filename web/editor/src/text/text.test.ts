import { expect, test } from 'vitest'
import { TABLES, type Pair } from './text'

await Promise.all(Object.values(import.meta.glob('../*/texts.ts')).map((load) => load()))

const rows = Object.entries(TABLES).flatMap(([folder, table]) => Object.entries(table).map(([key, pair]) => [`${folder}.${key}`, pair] as [string, Pair]))

test('every folder that speaks is heard', () => {
  expect(Object.keys(TABLES).sort()).toEqual(['app', 'fields', 'files', 'graph', 'look', 'paint', 'queue', 'state', 'workflow'])
})

test.each(rows)('%s is said in both languages, about the same things', (_, [en, ja]) => {
  const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort()
  expect(en.trim()).not.toBe('')
  expect(ja.trim()).not.toBe('')
  expect(new Set(names(ja))).toEqual(new Set(names(en)))
})

test('what is Japanese is Japanese', () => {
  const same = rows.filter(([, [en, ja]]) => en === ja && /[a-z]{3}/i.test(en)).map(([key]) => key)
  expect(same).toEqual([])
})

const sources = import.meta.glob<string>(['../*/*.ts', '../*/*.tsx', '!../*/texts.ts', '!../*/*.test.ts'], { query: '?raw', import: 'default', eager: true })

test('every text is said somewhere in its folder', () => {
  const unsaid = Object.entries(TABLES).flatMap(([folder, table]) => {
    const code = Object.entries(sources).filter(([path]) => path.startsWith(`../${folder}/`)).map(([, text]) => text).join('\n')
    return Object.keys(table).filter((key) => !new RegExp(`\\b${key}\\b`).test(code)).map((key) => `${folder}.${key}`)
  })
  expect(unsaid).toEqual([])
})
