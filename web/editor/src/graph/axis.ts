import { isNum, numberText, read, readNumber, write } from '../workflow/json'
import type { Json } from '../workflow/types'

type Params = Record<string, Json>

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/** The values of an axis as `--sweep` writes them: `0.6:0.99:0.01`, `1,2,3`, `seeds 100 from 0`, or a JSON list. */
export function axisText(params: Params): string {
  const { values, from, to, step, seeds, start } = params
  if (isNum(from) && isNum(to)) return [from, to, ...(isNum(step) ? [step] : [])].map(numberText).join(':')
  if (isNum(seeds)) return `seeds ${numberText(seeds)}${isNum(start) ? ` from ${numberText(start)}` : ''}`
  if (!Array.isArray(values)) return ''
  const plain = values.every((value) => isNum(value) || (typeof value === 'string' && value === value.trim() && value !== '' && !/[,:"[\]]/.test(value) && !NUMBER.test(value) && !['true', 'false'].includes(value)))
  return plain ? values.map((value) => (isNum(value) ? numberText(value) : value)).join(', ') : write(values)
}

/** The params that a text says; null if it says none. */
export function axisParams(text: string): Params | null {
  const found = text.trim()
  if (found.startsWith('[')) {
    try {
      const values = read(found)
      return Array.isArray(values) && values.length ? { values } : null
    } catch {
      return null
    }
  }
  const seeds = /^seeds\s+(\d+)(?:\s+from\s+(\d+))?$/i.exec(found)
  if (seeds) return { seeds: readNumber(seeds[1]!), ...(seeds[2] ? { start: readNumber(seeds[2]) } : {}) }
  const range = found.split(':').map((part) => part.trim())
  if ((range.length === 2 || range.length === 3) && range.every((part) => NUMBER.test(part))) {
    const [from, to, step] = range.map(readNumber)
    return { from: from!, to: to!, ...(step === undefined ? {} : { step }) }
  }
  const values = found.split(',').map((part) => literal(part.trim()))
  return found && values.every((value) => value !== '') ? { values } : null
}

function literal(text: string): Json {
  return NUMBER.test(text) ? readNumber(text) : text === 'true' ? true : text === 'false' ? false : text
}
