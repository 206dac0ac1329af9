import { useEffect, useId, useState } from 'react'
import { HistoryList } from './HistoryList'
import type { Host } from './QueuePanel'
import { t } from './texts'

const STATES = ['done', 'failed', 'cancelled'] as const
const ALL = STATES.join()
const PAUSE = 250

/** The jobs that have ended, filtered by state and by what is in their titles. */
export function History(host: Host) {
  const say = t()
  const heading = useId()
  const [state, setState] = useState(ALL)
  const [typed, setTyped] = useState('')
  const text = useSettled(typed.trim())
  return (
    <section className="column" aria-labelledby={heading}>
      <h2 id={heading}>{say('history')}</h2>
      <div className="row">
        <input
          type="search" className="grow" aria-label={say('search')} placeholder={say('search')} value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <select aria-label={say('filterState')} value={state} onChange={(event) => setState(event.target.value)}>
          <option value={ALL}>{say('all')}</option>
          {STATES.map((one) => <option key={one} value={one}>{say(one)}</option>)}
        </select>
      </div>
      <HistoryList key={`${state} ${text}`} state={state} text={text} filtered={text !== '' || state !== ALL} {...host} />
    </section>
  )
}

/** What was typed, once the typing rests. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PAUSE)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}
