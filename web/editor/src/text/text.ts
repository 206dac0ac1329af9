import { create } from 'zustand'
import type { Language } from '../server/types'

/** English, Japanese. `{name}` stands for what `say` is given by that name. */
export type Pair = readonly [en: string, ja: string]

const KEPT = 'diffuscope.language'

function first(): Language {
  const kept = globalThis.localStorage?.getItem(KEPT)
  return kept === 'en' || kept === 'ja' ? kept : globalThis.navigator?.language?.startsWith('ja') ? 'ja' : 'en'
}

export const useLanguage = create<{ language: Language; speak: (language: Language) => void }>((set) => ({
  language: first(),
  speak: (language) => {
    localStorage.setItem(KEPT, language)
    document.documentElement.lang = language
    set({ language })
  },
}))

/** Every table of texts, by the folder that speaks them; a test reads them all. */
export const TABLES: Record<string, Record<string, Pair>> = {}

/**
 * A table of texts, said once in both languages: `const t = texts('queue', { title: ['Queue', '実行待ち'] })`.
 * In a component `const say = t()` follows the language; elsewhere `t.now('title')` says it in the present one.
 */
export function texts<K extends string>(folder: string, table: Record<K, Pair>) {
  TABLES[folder] = table
  const say = (language: Language, key: K, given: Record<string, string | number> = {}) =>
    table[key][language === 'ja' ? 1 : 0].replace(/\{(\w+)\}/g, (_, name: string) => String(given[name] ?? ''))
  const useTexts = () => {
    const language = useLanguage((state) => state.language)
    return (key: K, given?: Record<string, string | number>) => say(language, key, given)
  }
  return Object.assign(useTexts, { now: (key: K, given?: Record<string, string | number>) => say(useLanguage.getState().language, key, given) })
}
