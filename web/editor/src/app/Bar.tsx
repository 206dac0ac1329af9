import { useShallow } from 'zustand/react/shallow'
import { useQueue } from '../queue'
import { arrangeAll } from '../graph/actions'
import { placeOf } from '../graph/faults'
import { openSearch } from '../graph/menu'
import { TextField } from '../graph/TextField'
import { edit, isChanged, redo, undo, useEditor, useWorkflow } from '../state/document'
import { goTo, useLooking } from '../state/looking'
import { cancel, isActive, run, useRun } from '../state/run'
import { useLanguage } from '../text/text'
import { setTitle } from '../workflow/edit'
import { Eye, Folder, Help, List, Play, Plus, Redo, Stop, Sun, Tidy, Undo } from './icons'
import { setTheme, useTheme } from './theme'
import { t } from './texts'

interface Props {
  onFiles: (event: React.MouseEvent<HTMLElement>) => void
  onHelp: () => void
}

/** The bar at the top: the document, what is done to it, and running it. */
export function Bar({ onFiles, onHelp }: Props) {
  const say = t()
  const { language, speak } = useLanguage()
  const theme = useTheme((state) => state.theme)
  const title = useWorkflow((workflow) => workflow.title ?? '')
  const name = useEditor((state) => state.about.name)
  const changed = useEditor(isChanged)
  const history = useEditor(useShallow(({ history }) => ({ past: history.past.length > 0, future: history.future.length > 0 })))
  const tab = useLooking((state) => state.tab)
  const toggle = (which: 'look' | 'queue') => useLooking.setState({ tab: tab === which ? null : which })
  return (
    <header className="app-bar" role="banner">
      <img src="/static/icon.svg" alt="Diffuscope" width="24" height="24" />
      <button onClick={onFiles} aria-haspopup="menu"><Folder />{say('files')}</button>
      <div className="app-name">
        <TextField label={say('titleOf')} placeholder={say('untitled')} value={title} onChange={(title) => edit((workflow) => setTitle(workflow, title))} />
        <span className="soft cut app-file">{[name && `${name}.json`, changed && say('changed')].filter(Boolean).join(' · ')}</span>
      </div>
      <div className="app-group">
        <button className="plain icon" title={say('undo')} aria-label={say('undo')} disabled={!history.past} onClick={undo}><Undo /></button>
        <button className="plain icon" title={say('redo')} aria-label={say('redo')} disabled={!history.future} onClick={redo}><Redo /></button>
        <button className="plain icon" title={say('add')} aria-label={say('add')} onClick={() => openSearch({ x: innerWidth / 2, y: innerHeight / 3 })}><Plus /></button>
        <button className="plain icon" title={say('arrange')} aria-label={say('arrange')} onClick={arrangeAll}><Tidy /></button>
      </div>
      <span className="grow" />
      <Standing />
      <RunButton />
      <div className="app-group">
        <button className="plain icon" title={say('look')} aria-label={say('look')} aria-pressed={tab === 'look'} onClick={() => toggle('look')}><Eye /></button>
        <QueueButton pressed={tab === 'queue'} onClick={() => toggle('queue')} />
        <button className="plain icon" title={say('help')} aria-label={say('help')} onClick={onHelp}><Help /></button>
        <button className="plain icon" title={say('theme')} aria-label={say('theme')} onClick={() => setTheme(theme === 'dark' ? 'light' : 'dark')}><Sun /></button>
        <button className="plain" title={say('language')} aria-label={say('language')} lang={language === 'en' ? 'ja' : 'en'} onClick={() => speak(language === 'en' ? 'ja' : 'en')}>
          {language === 'en' ? '日本語' : 'EN'}
        </button>
      </div>
    </header>
  )
}

function QueueButton({ pressed, onClick }: { pressed: boolean; onClick: () => void }) {
  const say = t()
  const { running, queued } = useQueue(useShallow(({ running, queued }) => ({ running, queued })))
  return (
    <button className="plain icon app-queue" title={say('queueCount', { running, queued })} aria-label={say('queueCount', { running, queued })} aria-pressed={pressed} onClick={onClick}>
      <List />
      {running + queued > 0 && <span className="app-count">{running + queued}</span>}
    </button>
  )
}

/** What a run would do, or what is wrong. */
function Standing() {
  const say = t()
  const { faults, counts } = useRun(useShallow(({ faults, plan }) => ({ faults, counts: plan?.counts })))
  if (faults.length) {
    const go = () => {
      const { path } = placeOf(faults[0]!.where)
      if (path) goTo(path)
    }
    return (
      <button className="plain fault app-standing cut" title={faults.map(({ where, message, hint }) => [where, message, hint].filter(Boolean).join(': ')).slice(0, 12).join('\n')} onClick={go}>
        {say('faults', { count: faults.length })} · {faults[0]!.message}
      </button>
    )
  }
  return counts ? <span className="soft app-standing cut">{say('would', { run: counts.run, cached: counts.cached })}</span> : null
}

function RunButton() {
  const say = t()
  const { job, done, of } = useRun(useShallow(({ job, done, of }) => ({ job, done, of })))
  if (!isActive(job)) return <button className="primary" title={say('runTitle')} onClick={() => void run()}><Play />{say('run')}</button>
  return (
    <div className="row">
      <span className="app-progress" role="status">
        {job?.state === 'queued' ? say('waiting') : say('progress', { done, of })}
        <progress value={of ? done : 0} max={of || 1} aria-label={say('run')} />
      </span>
      <button onClick={() => void cancel()}><Stop />{say('cancel')}</button>
    </div>
  )
}
