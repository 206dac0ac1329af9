import type { Job, JobInFull, Picture } from '../server/types'
import { ActiveJobs } from './ActiveJobs'
import { History } from './History'
import './queue.css'

export interface Host {
  /** The job of the open document. */
  current: string | null
  onOpen: (job: JobInFull) => void
  onPicture: (picture: Picture, job: Job) => void
}

/** What runs, what waits, and what has ended. */
export function QueuePanel(host: Host) {
  return (
    <div className="queue-panel">
      <ActiveJobs {...host} />
      <History {...host} />
    </div>
  )
}
