import { memo } from 'react'
import { useLanguage } from '../text/text'
import { edit, useEditor } from '../state/document'
import { useRun } from '../state/run'
import { rename } from '../workflow/edit'
import { typeOf } from '../workflow/kinds'
import type { AnyNode, Path } from '../workflow/types'
import { openMenu, useMenus } from './menu'
import { tinted } from './colours'
import { builtinOf } from './sizes'
import { Badges } from './Badges'
import { RenameField } from './RenameField'
import { t } from './texts'

interface Props {
  path: Path
  node: AnyNode
  category?: string
  children?: React.ReactNode
}

/** The head of a card: what it is, what it is called, how it stands. */
export const Head = memo(function Head({ path, node, category = 'flow', children }: Props) {
  const say = t()
  const catalogue = useEditor((state) => state.catalogue)
  const language = useLanguage((state) => state.language)
  const type = typeOf(catalogue, node) ?? builtinOf(catalogue, node.type)
  const labels = type?.labels[language]
  const fraction = useRun((state) => state.nodes[path]?.fraction ?? null)
  const renaming = useMenus((state) => state.renaming === path)
  const name = path.split('.').at(-1)!
  return (
    <header className="graph-head" style={tinted(catalogue, type ? category : null)} title={node.note ?? labels?.help}>
      <span className="graph-title cut">{labels?.label ?? node.type}</span>
      {renaming ? (
        <RenameField name={name} label={say('rename')} className="graph-rename" onName={(wish) => edit((workflow) => rename(workflow, path, wish))} />
      ) : (
        <span className="graph-name mono cut" onDoubleClick={() => useMenus.setState({ renaming: path })}>{name}</span>
      )}
      {children}
      {node.note && <span className="graph-said cut" title={node.note}>{node.note}</span>}
      <Badges path={path} node={node} />
      <button
        className="plain icon graph-more nodrag" aria-label={say('menu', { name })} aria-haspopup="menu" tabIndex={-1}
        onClick={(event) => {
          event.stopPropagation()
          const { left, bottom } = event.currentTarget.getBoundingClientRect()
          openMenu({ x: left, y: bottom, path })
        }}
      >
        ⋯
      </button>
      {fraction !== null && <progress className="graph-progress" value={fraction} max={1} aria-label={say('running')} />}
    </header>
  )
})
