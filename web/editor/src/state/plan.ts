import type { CallPlanState, Cell, Plan, PlannedCall } from '../server/types'
import { isRepeat, type Json, type Path, type Workflow } from '../workflow/types'
import { grouped } from '../workflow/records'
import { nodeAt } from '../workflow/scopes'
import type { Graph } from '../workflow/graph'

/** A plan with its calls by the node that makes them. */
export interface PlanIndex extends Plan {
  byPath: ReadonlyMap<Path, PlannedCall[]>
  /** Of the different calls of a node, how many are in which state. */
  counts: Plan['counts']
  states: ReadonlyMap<Path, Record<CallPlanState, number>>
}

export function indexed(plan: Plan): PlanIndex {
  const byPath = grouped(plan.calls, (call) => call.path)
  const states = new Map(
    [...byPath].map(([path, calls]) => {
      const counts = { cached: 0, run: 0, unneeded: 0 }
      for (const call of new Map(calls.map((call) => [call.key, call])).values()) counts[call.state] += 1
      return [path, counts] as const
    }),
  )
  return { ...plan, byPath, states }
}

/** A value that can be asked for, or a constant. */
export type Found = { key: string; output: string; label: string; kept: boolean } | { value: Json }

/** Where one looks: loop → iteration, axis → index. */
export interface Where {
  inspect: Readonly<Record<Path, number>>
  at: Readonly<Record<string, number>>
}

/** The loops around a node, the outermost first. */
export function loopsAround(path: Path): Path[] {
  const parts = path.split('.')
  return parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join('.'))
}

/** The iterations of a loop that are planned, in order, at the iterations of the loops around it. */
export function iterationsOf(plan: PlanIndex | null, loop: Path, where: Where): number[] {
  const depth = loop.split('.').length
  const around = loopsAround(loop)
  const found = new Set<number>()
  for (const [path, calls] of plan?.byPath ?? []) {
    if (!path.startsWith(`${loop}.`)) continue
    for (const call of calls) {
      if (call.iterations.length >= depth && around.every((one, i) => where.inspect[one] === undefined || where.inspect[one] === call.iterations[i])) {
        found.add(call.iterations[depth - 1]!)
      }
    }
  }
  return [...found].sort((a, b) => a - b)
}

/** The call of a node where one looks: the last iteration of a loop in which none is chosen. */
export function callAt(plan: PlanIndex | null, path: Path, where: Where): PlannedCall | undefined {
  const loops = loopsAround(path)
  return plan?.byPath.get(path)?.findLast(
    (call) =>
      loops.every((loop, i) => where.inspect[loop] === undefined || where.inspect[loop] === call.iterations[i]) &&
      Object.entries(call.at).every(([axis, index]) => index === (where.at[axis] ?? 0)),
  )
}

const outputOf = (call: PlannedCall, output: string) => (Object.hasOwn(call.outputs, output) ? output : '')

/** The value at a source socket where one looks. */
export function valueAt(plan: PlanIndex | null, workflow: Workflow, graph: Graph, path: Path, socket: string, where: Where, depth = 0): Found | undefined {
  if (!plan || depth > 50) return undefined
  const [side, name = ''] = split(socket)
  if (path === '#inputs') {
    const input = workflow.inputs?.[name]
    const axis = plan.axes[name]
    return axis ? { value: axis[where.at[name] ?? 0] ?? null } : input && { value: input.default ?? null }
  }
  const node = nodeAt(workflow, path)
  if (!node) return undefined
  if (!isRepeat(node)) {
    const call = callAt(plan, path, where)
    if (call) return { key: call.key, output: outputOf(call, name), label: call.label, kept: call.kept || call.state === 'cached' }
    const wire = plan.wires[name === 'value' ? path : `${path}.${name}`]
    return wire && fromCells(wire, where)
  }
  const iterations = iterationsOf(plan, path, where)
  const follow = (input: string, further: Where) => {
    const wire = graph.wires.find((wire) => wire.to === path && wire.input === input)
    return wire && valueAt(plan, workflow, graph, wire.from, wire.output, further, depth + 1)
  }
  if (side === 'item') {
    const now = where.inspect[path] ?? iterations.at(-1)
    if (now === undefined) return undefined
    if (name.startsWith('#')) return { value: now }
    return now === iterations[0] ? follow(`in:carry.${name}`, where) : follow(`in:next.${name}`, { ...where, inspect: { ...where.inspect, [path]: now - 1 } })
  }
  const last = iterations.at(-1)
  const carried = name.replace(/\.all$/, '')
  return last === undefined ? follow(`in:carry.${carried}`, where) : follow(`in:next.${carried}`, { ...where, inspect: { ...where.inspect, [path]: last } })
}

/** `out:value` → [`out`, `value`] */
export function split(socket: string): [string, string] {
  const at = socket.indexOf(':')
  return [socket.slice(0, at), socket.slice(at + 1)]
}

function fromCells(cells: Cell[], where: Where): Found | undefined {
  const cell = cells.find((cell) => Object.keys(cell.at).every((axis, i) => cell.place[i] === (where.at[axis] ?? 0))) ?? cells[0]
  if (!cell) return undefined
  return cell.key !== undefined ? { key: cell.key, output: cell.output ?? '', label: '', kept: true } : { value: cell.value ?? null }
}
