import './app.css'
import { ReactFlowProvider } from '@xyflow/react'
import { useCallback, useEffect, useState } from 'react'
import { Menu } from '../fields/Menu'
import { ShortcutList } from '../fields/ShortcutList'
import { Toasts } from '../fields/ToastList'
import { toast } from '../fields/toasts'
import { ConflictDialog } from '../files/ConflictDialog'
import { exportWorkflow } from '../files/exportWorkflow'
import { Gallery } from '../files/Gallery'
import { openFile } from '../files/openFile'
import type { Opened } from '../files/opened'
import { SaveDialog } from '../files/SaveDialog'
import { Canvas } from '../graph/Canvas'
import { useMenus, WHOLE } from '../graph/menu'
import { EndMenu, Menus } from '../graph/Menus'
import { Search } from '../graph/Search'
import { Writing } from '../graph/Writing'
import { api, Refused } from '../server/api'
import { follow, useOnline } from '../server/socket'
import { back, open, useEditor, workflow } from '../state/document'
import { restore } from '../state/draft'
import { attend, planSoon } from '../state/run'
import { learnFiles } from '../state/uploads'
import { useLanguage } from '../text/text'
import { Bar } from './Bar'
import { Dock } from './Dock'
import { PictureDialog, type Shown } from './PictureDialog'
import { shortcuts } from './shortcuts'
import { t } from './texts'

type Dialog = { is: 'gallery'; first: boolean } | { is: 'save' } | { is: 'conflict' } | { is: 'help' } | { is: 'picture'; picture: Shown } | null

/** The editor. */
export function App() {
  const say = t()
  const language = useLanguage((state) => state.language)
  const [ready, setReady] = useState(false)
  const [problem, setProblem] = useState('')
  const [first, setFirst] = useState(false)

  useEffect(() => void (document.documentElement.lang = language), [language])
  useEffect(() => {
    let stopped = false
    const start = async () => {
      try {
        const [catalogue, stats] = await Promise.all([api.nodes(), api.stats()])
        if (stopped) return
        useEditor.setState({ catalogue })
        attend()
        setFirst(!(await restore()))
        follow(stats.last_event)
        planSoon(0)
        void learnFiles()
        setReady(true)
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        setProblem(error.status === 0 ? say('noServerYet') : error.message)
        setTimeout(start, 1500)
      }
    }
    void start()
    return () => void (stopped = true)
  }, [])

  if (!ready) return <main className="app-wait soft" role="status">{problem || say('loading')}</main>
  return (
    <ReactFlowProvider>
      <Desk first={first} />
    </ReactFlowProvider>
  )
}

function Desk({ first }: { first: boolean }) {
  const say = t()
  const online = useOnline((state) => state.online)
  const [dialog, setDialog] = useState<Dialog>(first ? { is: 'gallery', first: true } : null)
  const [menu, setMenu] = useState<{ x: number; y: number } | null>(null)
  const about = useEditor((state) => state.about)
  const replaced = useEditor((state) => state.replaced)
  const close = useCallback(() => setDialog(null), [])

  const take = useCallback(({ workflow, name, version, template, sweeps }: Opened) => {
    const texts = Object.fromEntries(Object.entries(sweeps ?? {}).map(([name, values]) => [name, typeof values === 'string' ? values : values.map(String).join(',')]))
    const opened = Object.keys(texts).length ? { ...workflow, layout: { ...workflow.layout, '#sweeps': texts } } : workflow
    open(opened, { name, version, template })
    setDialog(null)
  }, [])

  const save = useCallback(async (name: string, version: string | null) => {
    const present = workflow()
    const saved = await api.save(name, present, version)
    useEditor.setState({ about: { name, version: saved, template: '', saved: present } })
    toast(t.now('saved', { name }), { kind: 'good' })
    setDialog(null)
  }, [])

  const saveNow = useCallback(async () => {
    const { name, version } = useEditor.getState().about
    if (!name) return setDialog({ is: 'save' })
    try {
      await save(name, version)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      if (error.status === 412) setDialog({ is: 'conflict' })
      else toast(error.message, { kind: 'bad' })
    }
  }, [save])

  useEffect(() => {
    const keydown = (event: KeyboardEvent) => {
      if (event.isComposing) return
      const command = event.ctrlKey || event.metaKey
      const key = event.key.toLowerCase()
      if (command && key === 's') return event.preventDefault(), void saveNow()
      if (command && key === 'o') return event.preventDefault(), setDialog({ is: 'gallery', first: false })
      if (key === '?' && !(event.target as Element).closest?.('input, textarea')) setDialog({ is: 'help' })
    }
    document.addEventListener('keydown', keydown)
    return () => document.removeEventListener('keydown', keydown)
  }, [saveNow])

  const drop = async (event: React.DragEvent) => {
    const [file] = event.dataTransfer.files
    if (!file) return
    event.preventDefault()
    try {
      take(await openFile(file))
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), { kind: 'bad' })
    }
  }

  const files = [
    { label: say('new'), run: () => open({ diffuscope: 1, nodes: {} }) },
    ...(replaced ? [{ label: say('previous', { title: replaced.history.present.title || say('untitled') }), run: back }] : []),
    { label: say('open'), keys: ['Ctrl', 'O'], run: () => setDialog({ is: 'gallery', first: false }) },
    null,
    { label: say('save'), keys: ['Ctrl', 'S'], run: () => void saveNow() },
    { label: say('saveAs'), run: () => setDialog({ is: 'save' }) },
    { label: say('describe'), run: () => useMenus.setState({ writing: WHOLE }) },
    { label: say('export'), run: () => exportWorkflow(workflow(), about.name || about.template || 'workflow') },
  ]

  return (
    <div className="app" onDragOver={(event) => event.dataTransfer.types.includes('Files') && event.preventDefault()} onDrop={(event) => void drop(event)}>
      <Bar
        onFiles={({ currentTarget }) => {
          const { left, bottom } = currentTarget.getBoundingClientRect()
          setMenu({ x: left, y: bottom + 4 })
        }}
        onHelp={() => setDialog({ is: 'help' })}
      />
      {!online && <p className="app-offline" role="alert">{say('offline')}</p>}
      <main className="app-main">
        <Canvas />
        <Dock onJob={(job) => take({ workflow: job.workflow, name: job.name, version: null, template: job.template })} onPicture={(picture) => setDialog({ is: 'picture', picture })} />
      </main>
      <Menus />
      <EndMenu />
      <Search />
      <Writing />
      <Toasts />
      {menu && <Menu items={files} at={menu} label={say('files')} onClose={() => setMenu(null)} />}
      {dialog?.is === 'gallery' && <Gallery first={dialog.first} onOpen={take} onUse={undefined} onClose={close} />}
      {dialog?.is === 'save' && (
        <SaveDialog
          name={about.name || about.template}
          onSave={(name, replace) => save(name, replace ? '*' : null)}
          onClose={close}
        />
      )}
      {dialog?.is === 'conflict' && (
        <ConflictDialog
          name={about.name}
          onReload={async () => {
            const { workflow, version } = await api.workflow(about.name)
            take({ workflow, version, name: about.name, template: '' })
          }}
          onReplace={() => save(about.name, '*')}
          onSaveAs={() => setDialog({ is: 'save' })}
          onClose={close}
        />
      )}
      {dialog?.is === 'help' && <ShortcutList groups={shortcuts(say)} onClose={close} />}
      {dialog?.is === 'picture' && <PictureDialog picture={dialog.picture} onOpen={take} onClose={close} />}
    </div>
  )
}
