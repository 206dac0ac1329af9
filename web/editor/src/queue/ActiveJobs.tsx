import { useId } from 'react'
import { ActiveJob } from './ActiveJob'
import type { Host } from './QueuePanel'
import { t } from './texts'
import { useActive } from './useActive'

/** What runs and what waits, in the order in which it will run. */
export function ActiveJobs({ current, onOpen }: Pick<Host, 'current' | 'onOpen'>) {
  const say = t()
  const heading = useId()
  const { queue, problem, reload } = useActive()
  const { running = [], waiting = [] } = queue ?? {}
  const ids = waiting.map(({ id }) => id)
  const what = { current, onOpen, onChange: reload }
  return (
    <section className="column" aria-labelledby={heading}>
      <h2 id={heading}>{say('active')}</h2>
      {problem && <p className="fault" role="alert">{problem}</p>}
      {!queue && !problem && <p className="soft">{say('loading')}</p>}
      {queue && running.length + waiting.length === 0 && <p className="queue-empty soft">{say('noActive')}</p>}
      <ol className="queue-list">
        {running.map((job) => <ActiveJob key={job.id} job={job} ids={[]} {...what} />)}
        {waiting.map((job) => <ActiveJob key={job.id} job={job} ids={ids} {...what} />)}
      </ol>
    </section>
  )
}
