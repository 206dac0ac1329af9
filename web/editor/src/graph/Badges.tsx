import { useRun } from '../state/run'
import type { AnyNode, Path } from '../workflow/types'
import { faultsAt } from './faults'
import { t } from './texts'

interface Props {
  path: Path
  node: AnyNode
}

/** How a node stands, in a word: what a run would do, what the last one did, what is wrong. */
export function Badges({ path, node }: Props) {
  const say = t()
  const states = useRun((state) => state.plan?.states.get(path))
  const last = useRun((state) => state.nodes[path])
  const fault = useRun((state) => faultsAt(state.faults, path)[0])
  const calls = useRun((state) => state.plan?.byPath.get(path)?.length ?? 0)
  const cells = useRun((state) => state.plan?.wires[path]?.length ?? 0)
  const loops = useRun((state) => loopCount(state.plan?.byPath.get(path)))
  const swept = loops > 0 ? Math.round(calls / loops) : cells
  const { seconds = 0, bytes = 0, error = '' } = last ?? {}
  if (node.bypass) return <span className="badge">{say('bypassed')}</span>
  if (fault) return <span className="badge graph-bad" title={[fault.message, fault.hint].filter(Boolean).join('; ')}>{say('fault')}</span>
  return (
    <>
      {swept > 1 && <span className="badge" title={say('times', { count: swept })}>×{swept}</span>}
      {error ? (
        <span className="badge graph-bad" title={error}>{say('failed')}</span>
      ) : (
        <>
          {seconds > 0 && <span className="badge" title={say('cost', { seconds: secondsText(seconds), size: sizeText(bytes) })}>{say('seconds', { seconds: secondsText(seconds) })} · {sizeText(bytes)}</span>}
          {states && <PlanBadge {...states} stale={Boolean(last?.key) && states.run > 0} />}
        </>
      )}
    </>
  )
}

function PlanBadge({ cached, run, unneeded, stale }: { cached: number; run: number; unneeded: number; stale: boolean }) {
  const say = t()
  const all = cached + run + unneeded
  if (run === 0) return <span className="graph-dot graph-dot-cached" role="img" aria-label={say('cached')} title={say('cached')} />
  const words = stale ? say('stale') : run < all ? say('partly', { run, all }) : say('willRun')
  return <span className={`graph-dot ${stale ? 'graph-dot-stale' : 'graph-dot-run'}`} role="img" aria-label={words} title={words} />
}

function loopCount(calls: { iterations: number[] }[] | undefined): number {
  return calls?.[0]?.iterations.length ? new Set(calls.map((call) => call.iterations.join())).size : 0
}

export function secondsText(seconds: number): string {
  return seconds >= 10 ? seconds.toFixed(0) : seconds >= 0.1 ? seconds.toFixed(1) : seconds.toFixed(3)
}

export function sizeText(bytes: number): string {
  const [divisor, unit] = bytes >= 2 ** 20 ? [2 ** 20, 'MiB'] : [2 ** 10, 'KiB']
  return `${(bytes / Number(divisor)).toFixed(1)} ${unit}`
}

