import { t } from './texts'

/** What stands where a list will be: that it is asked for, or why it is not there and how to ask again. */
export function Waiting({ problem, onAgain }: { problem: string; onAgain: () => void }) {
  const say = t()
  return (
    <div className="files-empty" role="status">
      {problem ? <p className="fault">{problem}</p> : <p className="soft">{say('loading')}</p>}
      {problem && <button type="button" onClick={onAgain}>{say('again')}</button>}
    </div>
  )
}
