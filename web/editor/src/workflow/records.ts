/**
 * Records whose keys come from files: `constructor` and `__proto__` are names like any other. Nothing here changes what it
 * is given, and what would be the same is the same object.
 */

/** The value of a key of its own. */
export function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return has(record, key) ? record![key] : undefined
}

/** Whether it has the key, itself. */
export function has(record: object | undefined, key: string): boolean {
  return record !== undefined && Object.hasOwn(record, key)
}

/** With another value at a key, at its old place or at the end. */
export function withKey<T>(record: Readonly<Record<string, T>> | undefined, key: string, value: T): Record<string, T> {
  return own(record, key) === value ? (record as Record<string, T>) : { ...record, [key]: value }
}

/** Without a key. */
export function withoutKey<T>(record: Record<string, T>, key: string): Record<string, T> {
  return has(record, key) ? Object.fromEntries(Object.entries(record).filter(([other]) => other !== key)) : record
}

/** Each value mapped; those mapped to null are left out. */
export function mapValues<T>(record: Record<string, T>, map: (value: T, key: string) => T | null): Record<string, T> {
  let changed = false
  const entries: [string, T][] = []
  for (const key of Object.keys(record)) {
    const value = record[key]!
    const mapped = map(value, key)
    changed ||= mapped !== value
    if (mapped !== null) entries.push([key, mapped])
  }
  return changed ? Object.fromEntries(entries) : record
}

/** Each key mapped, in the same order. */
export function mapKeys<T>(record: Record<string, T>, map: (key: string) => string): Record<string, T> {
  const keys = Object.keys(record)
  return keys.every((key) => map(key) === key) ? record : Object.fromEntries(keys.map((key) => [map(key), record[key]!]))
}

export function isEmpty(record: object | undefined): boolean {
  return record === undefined || Object.keys(record).length === 0
}

/** Items by what they have in common, in their order. */
export function grouped<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}
