import { useState } from 'react'
import { api } from '../server/api'
import type { WorkflowAbout } from '../server/types'
import type { Opened } from './opened'
import { fits, SearchField } from './SearchField'
import { t } from './texts'
import { Thumb } from './Thumb'
import type { Attempt } from './useAttempt'
import { useLoaded } from './useLoaded'
import { Waiting } from './Waiting'

/** A shipped workflow with the address of what it makes, as a small picture. */
type TemplateAbout = WorkflowAbout & { picture?: string | null }

interface Props {
  attempt: Attempt
  onOpen: (opened: Opened) => void
}

/** The workflows that ship, as cards in the server's order. */
export function Templates({ attempt, onOpen }: Props) {
  const say = t()
  const [text, setText] = useState('')
  const { value, problem, reload } = useLoaded(async () => (await api.workflows()).templates as TemplateAbout[])
  if (!value) return <Waiting problem={problem} onAgain={reload} />
  const shown = value.filter(({ title, name, description }) => fits(text, title, name, description))
  const open = ({ name }: TemplateAbout) =>
    attempt(async (here) => {
      const workflow = await api.template(name)
      if (here()) onOpen({ workflow, name: '', version: null, template: name })
    })
  return (
    <div className="files-scroll">
      <div className="row files-tools"><SearchField text={text} onText={setText} count={shown.length} /></div>
      {shown.length === 0 && <p className="files-empty soft">{say('noMatch', { text })}</p>}
      <ul className="files-cards">
        {shown.map((one) => (
          <li key={one.name}>
            <button type="button" className="files-card" onClick={() => open(one)}>
              <span className="files-picture"><Thumb url={one.picture ?? null} name={one.name} /></span>
              <span className="files-title">{one.title || one.name}</span>
              <span className="files-description soft">{one.description}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}
