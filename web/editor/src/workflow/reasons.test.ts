import { afterEach, expect, it } from 'vitest'
import { useLanguage } from '../text/text'
import { toys } from './fixtures'
import { reasonText } from './reasons'

const catalogue = { ...toys, types: { Red: { help: '', labels: { en: 'red', ja: '赤' }, stored: true, views: [] } } }
afterEach(() => useLanguage.setState({ language: 'en' }))

it('says reasons in both languages, and value types as the catalogue does', () => {
  const reason = { code: 'kind', wanted: 'int', found: 'Red' } as const
  useLanguage.setState({ language: 'en' })
  expect(reasonText(reason, catalogue)).toBe('This socket reads a whole number; that gives red.')
  useLanguage.setState({ language: 'ja' })
  expect(reasonText(reason, catalogue)).toBe('このソケットが受け取るのは整数ですが、つなごうとしたのは赤です。')
  expect(reasonText({ code: 'taken', found: 'int' })).toBe('「int」はすでに使われています。')
})
