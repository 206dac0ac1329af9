import { memo } from 'react'
import type { PlanIndex } from '../state/plan'
import { useRun } from '../state/run'
import type { AnyNode, Path } from '../workflow/types'
import { faultsAt } from './faults'
import { t } from './texts'

interface Props {
  path: Path
  node: AnyNode
}

/** How a node stands, in a word: what a run would do, what the last one did, what is wrong. */
export const Badges = memo(function Badges({ path, node }: Props) {
  const say = t()
  const standing = useRun((state) => standingOf(state, path))
  const swept = useRun((state) => placesOf(state.plan, path))
  const error = useRun((state) => state.nodes[path]?.error ?? '')
  const fault = useRun((state) => faultsAt(state.faults, path)[0])
  if (node.bypass) return <span className="badge">{say('bypassed')}</span>
  if (fault) return <span className="badge graph-bad" title={[fault.message, fault.hint].filter(Boolean).join('; ')}>{say('fault')}</span>
  return (
    <>
      {swept > 1 && <span className="badge" title={say('times', { count: swept })}>×{swept}</span>}
      {error ? <span className="badge graph-bad" title={error}>{say('failed')}</span> : standing && <Dot standing={standing} />}
      <Cost path={path} />
    </>
  )
})

type Standing = 'cached' | 'willRun' | 'stale'

/** Whether the values of a node are there; `stale` if there are others, of the document as it was. */
function standingOf({ plan, nodes }: ReturnType<typeof useRun.getState>, path: Path): Standing | null {
  const states = plan?.states.get(path)
  if (!plan || !states) return null
  const last = nodes[path]
  const same = last?.key && plan.byPath.get(path)!.some((call) => call.key === last.key)
  if (states.run === 0 || (same && last.finished >= states.run)) return 'cached'
  return last?.key && !same ? 'stale' : 'willRun'
}

/** For how many places on axes a node is computed. */
function placesOf(plan: PlanIndex | null, path: Path): number {
  const calls = plan?.byPath.get(path)
  return calls ? new Set(calls.map((call) => call.coordinates)).size : (plan?.wires[path]?.length ?? 0)
}

function Dot({ standing }: { standing: Standing }) {
  const words = t()(standing)
  return <span className={`graph-dot graph-dot-${standing}`} role="img" aria-label={words} title={words} />
}

/** What the last run spent at a node. */
function Cost({ path }: { path: Path }) {
  const say = t()
  const seconds = useRun((state) => state.nodes[path]?.seconds ?? 0)
  const bytes = useRun((state) => state.nodes[path]?.bytes ?? 0)
  if (seconds === 0) return null
  const given = { seconds: secondsText(seconds), size: sizeText(bytes) }
  return <span className="graph-cost" title={say('cost', given)}>{say('seconds', given)} · {given.size}</span>
}

export function secondsText(seconds: number): string {
  return seconds >= 10 ? seconds.toFixed(0) : seconds >= 0.1 ? seconds.toFixed(1) : seconds.toFixed(3)
}

export function sizeText(bytes: number): string {
  const [divisor, unit] = bytes >= 2 ** 20 ? [2 ** 20, 'MiB'] : [2 ** 10, 'KiB']
  return `${(bytes / Number(divisor)).toFixed(1)} ${unit}`
}

