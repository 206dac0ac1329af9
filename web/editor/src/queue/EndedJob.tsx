import { useAttempt } from '../files/useAttempt'
import { ago, exactly, lasted, useNow } from '../files/when'
import { api } from '../server/api'
import type { Job } from '../server/types'
import { useLanguage } from '../text/text'
import { Head, titleOf } from './Head'
import type { Host } from './QueuePanel'
import { Strip } from './Strip'
import { t } from './texts'

interface Props extends Host {
  job: Job
  onChange: () => Promise<void>
}

/** A job that has ended: what came of it, and what can be done with it. */
export function EndedJob({ job, current, onOpen, onPicture, onChange }: Props) {
  const say = t()
  const language = useLanguage((state) => state.language)
  const now = useNow()
  const { busy, problem, attempt } = useAttempt()
  const { id, pictures, errors, ran, cached, seconds } = job
  const when = job.finished ?? job.created
  const act = (work: () => Promise<unknown>) => () =>
    attempt(async () => {
      await work()
      await onChange()
    })
  const open = () =>
    attempt(async (here) => {
      const full = await api.job(id)
      if (here()) onOpen(full)
    })
  const facts = [
    Number(seconds) > 0 && lasted(Number(seconds), language),
    ran > 0 && say('ran', { count: ran }),
    cached > 0 && say('cached', { count: cached }),
  ]
  return (
    <li className="queue-job" aria-current={id === current ? 'true' : undefined} aria-busy={busy}>
      <Head job={job} current={current} />
      <p className="soft">
        <time dateTime={when} title={exactly(when, language)}>{ago(when, now, language)}</time>
        {facts.map((fact) => fact && <span key={fact}> · {fact}</span>)}
      </p>
      {pictures.length > 0 && <Strip pictures={pictures} onPicture={(picture) => onPicture(picture, job)} />}
      {errors.length > 0 && (
        <details className="queue-errors">
          <summary>{errors.length > 1 ? say('errors', { count: errors.length }) : say('error')}</summary>
          <ul>{errors.map((error, i) => <li key={i}>{error}</li>)}</ul>
        </details>
      )}
      <div className="row queue-controls" role="group" aria-label={say('controls', { title: titleOf(job) })}>
        <button type="button" className="plain" onClick={open}>{say('open')}</button>
        {job.state !== 'done' && <button type="button" className="plain" onClick={act(() => api.change(id, 'retry'))}>{say('retry')}</button>}
        <button type="button" className="plain" title={say('forgetHelp')} onClick={act(() => api.forget(id))}>{say('forget')}</button>
      </div>
      {problem && <p className="fault" role="alert">{problem}</p>}
    </li>
  )
}
