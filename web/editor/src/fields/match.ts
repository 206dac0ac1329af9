/** What a palette finds. `words`: whatever else it is found by, names in other languages for one. */
export interface PaletteItem {
  id: string
  label: string
  detail: string
  group: string
  colour?: string | undefined
  words?: string | undefined
}

/** An item, its texts made comparable once. */
export interface Indexed {
  item: PaletteItem
  label: string
  words: string
  detail: string
}

/** Letters alike: without case, width, accents, and katakana as hiragana. */
export function plainLetters(text: string): string {
  return text.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').normalize('NFC').toLowerCase()
    .replace(/[ァ-ヶ]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) - 0x60))
}

export function index(items: PaletteItem[]): Indexed[] {
  return items.map((item) => ({
    item,
    label: plainLetters(item.label),
    words: plainLetters(`${item.id} ${item.words ?? ''}`),
    detail: plainLetters(item.detail),
  }))
}

/** The items that have every word of the query, best first; all of them as they came for an empty one. */
export function search(items: Indexed[], query: string): PaletteItem[] {
  const words = plainLetters(query).split(/\s+/).filter(Boolean)
  return items
    .map((indexed) => ({ item: indexed.item, score: words.length ? score(indexed, words) : 1 }))
    .filter(({ score }) => score > 0)
    .sort((one, other) => other.score - one.score)
    .map(({ item }) => item)
}

/** 0 if a word is not found. What a person sees as the name counts more than other names, and those more than the help. */
function score(of: Indexed, words: string[]): number {
  const scores = words.map((word) => Math.max(
    of.label === word ? 100 : 0,
    within(of.label, word, 90, 80, 60),
    within(of.words, word, 50, 50, 40),
    isSubsequence(word, of.label) ? 30 : 0,
    within(of.detail, word, 20, 20, 10),
  ))
  // Of equals the shorter name comes first: more of it was typed.
  return scores.includes(0) ? 0 : scores.reduce((sum, one) => sum + one, 0) - Math.min(of.label.length, 99) / 100
}

function within(text: string, word: string, first: number, prefix: number, inside: number): number {
  const at = text.indexOf(word)
  if (at < 0) return 0
  return at === 0 ? first : startsWord(text, word) ? prefix : inside
}

function startsWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (at === 0 || !/[\p{Letter}\p{Number}]/u.test(text[at - 1] ?? '')) return true
  }
  return false
}

/** One or two letters are in almost every name, in order, and say nothing. */
function isSubsequence(word: string, text: string): boolean {
  let at = 0
  for (const letter of text) if (letter === word[at]) at++
  return word.length > 2 && at === word.length
}
