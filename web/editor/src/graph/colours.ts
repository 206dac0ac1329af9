import type { Catalogue } from '../server/types'

const hues = new WeakMap<Catalogue, Map<string, number>>()

/** The hue of a type or a category, in degrees: neighbours in the catalogue lie far apart. */
export function hueOf(catalogue: Catalogue, name: string): number {
  let table = hues.get(catalogue)
  if (!table) {
    const names = [...Object.keys(catalogue.types), ...Object.keys(catalogue.categories)]
    table = new Map(names.map((name, i) => [name, (i * 137.508 + 265) % 360]))
    hues.set(catalogue, table)
  }
  return table.get(name) ?? -1
}

/** A style that gives its element `--hue`; JSON and what is not known are grey. */
export function tinted(catalogue: Catalogue, name: string | null): React.CSSProperties {
  const hue = name === null ? -1 : hueOf(catalogue, name)
  return { '--hue': Math.max(0, hue), '--chroma': hue < 0 ? 0.02 : 0.15 } as React.CSSProperties
}
