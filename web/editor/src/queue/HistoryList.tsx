import { EndedJob } from './EndedJob'
import type { Host } from './QueuePanel'
import { t } from './texts'
import { useHistory } from './useHistory'

interface Props extends Host {
  state: string
  text: string
  filtered: boolean
}

/** Jobs that have ended, a page at a time. */
export function HistoryList({ state, text, filtered, ...host }: Props) {
  const say = t()
  const { page, problem, reload, more } = useHistory(state, text)
  return (
    <>
      {problem && <p className="fault" role="alert">{problem}</p>}
      {!page && !problem && <p className="soft">{say('loading')}</p>}
      {page?.jobs.length === 0 && <p className="queue-empty soft">{say(filtered ? 'noMatch' : 'noHistory')}</p>}
      <ul className="queue-list">
        {page?.jobs.map((job) => <EndedJob key={job.id} job={job} onChange={reload} {...host} />)}
      </ul>
      {page?.next && <button type="button" className="queue-more" onClick={more}>{say('more')}</button>}
    </>
  )
}
