import type { Fault } from '../server/types'
import { grouped } from '../workflow/records'
import type { Path } from '../workflow/types'

/** `nodes.sample.body.denoise.in.latent` → `sample.denoise`, and `in.latent`; empty for what is about no node. */
export function placeOf(where: string): { path: Path; part: string } {
  const [top, ...parts] = where.split('.')
  if (top === 'inputs') return { path: '#inputs', part: parts.join('.') }
  if (top !== 'nodes' || !parts[0]) return { path: '', part: where }
  const path = [parts.shift()!]
  while (parts[0] === 'body' && parts[1]) path.push(...parts.splice(0, 2).slice(1))
  return { path: path.join('.'), part: parts.join('.') }
}

const NONE: Fault[] = []
const known = new WeakMap<Fault[], Map<Path, Fault[]>>()

/** The faults at a node; the same list for the same faults. */
export function faultsAt(faults: Fault[], path: Path): Fault[] {
  if (faults.length === 0) return NONE
  let table = known.get(faults)
  if (!table) known.set(faults, (table = grouped(faults, (fault) => placeOf(fault.where).path)))
  return table.get(path) ?? NONE
}
