import { Icon } from '../files/icons'
import { useAttempt } from '../files/useAttempt'
import { ago, exactly, useNow } from '../files/when'
import { api } from '../server/api'
import type { Job } from '../server/types'
import { useLanguage } from '../text/text'
import { Head, titleOf } from './Head'
import { IconButton } from './IconButton'
import type { Host } from './QueuePanel'
import { useQueue } from './state'
import { t } from './texts'

interface Props extends Pick<Host, 'current' | 'onOpen'> {
  job: Job
  /** Those that wait, this one among them; none if it runs. */
  ids: string[]
  onChange: () => Promise<void>
}

/** A job that runs or waits: how far it is, and what can be done with it. */
export function ActiveJob({ job, ids, current, onOpen, onChange }: Props) {
  const say = t()
  const language = useLanguage((state) => state.language)
  const now = useNow()
  const { busy, problem, attempt } = useAttempt()
  const place = ids.indexOf(job.id)
  const running = job.state === 'running'
  const since = (running && job.started) || job.created

  /** Does something; the button that asked keeps the focus wherever it moves to. */
  const act = (work: () => Promise<unknown>) => async (button: HTMLButtonElement) => {
    await attempt(async () => {
      await work()
      await onChange()
    })
    requestAnimationFrame(() => button.isConnected && button.focus())
  }
  const open = () =>
    attempt(async (here) => {
      const full = await api.job(job.id)
      if (here()) onOpen(full)
    })
  const change = (what: 'pause' | 'resume' | 'cancel') => act(() => api.change(job.id, what))
  const move = (before: string | undefined) => act(() => api.move(job.id, before ?? null))

  return (
    <li className="queue-job" aria-current={job.id === current ? 'true' : undefined} aria-busy={busy}>
      <Head job={job} current={current} />
      {running && <ProgressOf job={job} />}
      <div className="row">
        <time className="soft grow cut" dateTime={since} title={exactly(since, language)}>
          {say(running ? 'started' : 'sent', { when: ago(since, now, language) })}
        </time>
        <div className="row queue-controls" role="group" aria-label={say('controls', { title: titleOf(job) })}>
          {ids.length > 1 && (
            <>
              <IconButton label={say('front')} off={place === 0} onPress={move(ids[0])}><Icon of="front" /></IconButton>
              <IconButton label={say('up')} off={place === 0} onPress={move(ids[place - 1])}><Icon of="up" /></IconButton>
              <IconButton label={say('down')} off={place === ids.length - 1} onPress={move(ids[place + 2])}><Icon of="down" /></IconButton>
            </>
          )}
          <IconButton label={say('open')} onPress={open}><Icon of="file" /></IconButton>
          {job.state === 'paused' ? (
            <IconButton label={say('resume')} onPress={change('resume')}><Icon of="play" /></IconButton>
          ) : (
            <IconButton label={say('pause')} off={job.wanted !== ''} onPress={change('pause')}><Icon of="pause" /></IconButton>
          )}
          <IconButton label={say('cancel')} off={job.wanted === 'cancelled'} onPress={change('cancel')}><Icon of="close" /></IconButton>
        </div>
      </div>
      {problem && <p className="fault" role="alert">{problem}</p>}
    </li>
  )
}

function ProgressOf({ job }: { job: Job }) {
  const say = t()
  const { done, of, fraction, label } = useQueue((state) => state.progress[job.id]) ?? { done: 0, of: job.to_run, fraction: 0, label: '' }
  const counted = of > 0 ? say('calls', { done, of }) : say('preparing')
  return (
    <div className="column queue-progress">
      <progress max={1} value={of > 0 ? Math.min((done + fraction) / of, 1) : 0} aria-label={say('progressOf', { title: titleOf(job) })} />
      <div className="row soft"><span className="grow mono cut">{label}</span><span>{counted}</span></div>
    </div>
  )
}
