import type { Job } from '../server/types'
import { t } from './texts'

/** What a job is called. */
export function titleOf({ title, name, template, id }: Job): string {
  return name || title || template || id
}

/** A job's title and state, in words and by the colour of a dot. */
export function Head({ job, current }: { job: Job; current: string | null }) {
  const say = t()
  const state = job.wanted === 'paused' ? say('pausing') : job.wanted === 'cancelled' ? say('cancelling') : say(job.state)
  return (
    <div className="row">
      <span className={`queue-dot queue-${job.state}`} />
      <h3 className="cut queue-title" title={`${titleOf(job)} · ${job.id}`}>{titleOf(job)}</h3>
      {job.id === current && <span className="badge">{say('ours')}</span>}
      <span className="grow" />
      <span className={`queue-state queue-${job.state}`}>{state}</span>
    </div>
  )
}
