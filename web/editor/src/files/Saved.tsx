import { useState } from 'react'
import { api } from '../server/api'
import type { WorkflowAbout } from '../server/types'
import { useLanguage } from '../text/text'
import { Ask } from './Ask'
import { Duplicate } from './Duplicate'
import type { Opened } from './opened'
import { fits, SearchField } from './SearchField'
import { t } from './texts'
import type { Attempt } from './useAttempt'
import { useLoaded } from './useLoaded'
import { Waiting } from './Waiting'
import { ago, exactly, useNow } from './when'

interface Props {
  attempt: Attempt
  onOpen: (opened: Opened) => void
}

/** The workflows that were saved, the latest first. */
export function Saved({ attempt, onOpen }: Props) {
  const say = t()
  const [text, setText] = useState('')
  const { value, problem, reload } = useLoaded(async () => (await api.workflows()).saved.sort(latestFirst))
  if (!value) return <Waiting problem={problem} onAgain={reload} />
  if (value.length === 0) return <p className="files-empty soft">{say('noSaved')}</p>
  const shown = value.filter(({ title, name, description }) => fits(text, title, name, description))
  return (
    <div className="files-scroll">
      <div className="row files-tools"><SearchField text={text} onText={setText} count={shown.length} /></div>
      {shown.length === 0 && <p className="files-empty soft">{say('noMatch', { text })}</p>}
      <ul className="files-rows">
        {shown.map((about) => <SavedRow key={about.name} about={about} attempt={attempt} onOpen={onOpen} onChange={reload} />)}
      </ul>
    </div>
  )
}

function latestFirst(one: WorkflowAbout, other: WorkflowAbout): number {
  return (other.changed ?? '').localeCompare(one.changed ?? '')
}

interface RowProps extends Props {
  about: WorkflowAbout
  onChange: () => Promise<void>
}

function SavedRow({ about, attempt, onOpen, onChange }: RowProps) {
  const say = t()
  const language = useLanguage((state) => state.language)
  const now = useNow()
  const [asked, setAsked] = useState<'delete' | 'duplicate' | null>(null)
  const { name, title, changed } = about
  const open = () =>
    attempt(async (here) => {
      const opened = await api.workflow(name)
      if (here()) onOpen({ ...opened, name, template: '' })
    })
  const remove = () =>
    attempt(async () => {
      await api.deleteWorkflow(name)
      await onChange()
    })
  const duplicate = (copy: string) =>
    attempt(async () => {
      await api.save(copy, (await api.workflow(name)).workflow, null)
      setAsked(null)
      await onChange()
    })
  return (
    <li className="files-row">
      <div className="row">
        <button type="button" className="plain grow files-name" onClick={open} aria-label={say('openOf', { name })}>
          <span className="cut">{name}</span>
          {title && title !== name && <span className="cut soft">{title}</span>}
        </button>
        {changed && (
          <time className="soft files-when" dateTime={changed} title={exactly(changed, language)}>
            {say('changed', { when: ago(changed, now, language) })}
          </time>
        )}
        <button type="button" aria-label={say('duplicateOf', { name })} aria-expanded={asked === 'duplicate'} onClick={() => setAsked('duplicate')}>
          {say('duplicate')}
        </button>
        <button type="button" aria-label={say('deleteOf', { name })} aria-expanded={asked === 'delete'} onClick={() => setAsked('delete')}>
          {say('delete')}
        </button>
      </div>
      {asked === 'delete' && <Ask question={say('deleteWorkflow', { name })} onDelete={remove} onKeep={() => setAsked(null)} />}
      {asked === 'duplicate' && <Duplicate of={name} onDuplicate={duplicate} onLeave={() => setAsked(null)} />}
    </li>
  )
}
