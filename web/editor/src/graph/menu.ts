import { create } from 'zustand'
import type { Path } from '../workflow/types'

/** A menu that is open: where on the page, and of what. */
export interface OpenMenu {
  x: number
  y: number
  /** A node; without it the canvas. */
  path?: Path
  /** An input of the workflow. */
  input?: string
}

/** A search that is open: for a node to add, or for the other end of a wire. */
export interface OpenSearch {
  x: number
  y: number
  /** Only what fits this end of a wire. */
  from?: { path: Path; socket: string }
  to?: { path: Path; socket: string }
  /** Both ends are there already: choose one of what exists. */
  existing?: boolean
}

/** A choice among the sockets of a node. */
export interface OpenEnds {
  at: { x: number; y: number }
  ends: { path: Path; socket: string }[]
  then: (end: { path: Path; socket: string }) => void
}

interface Menus {
  menu: OpenMenu | null
  search: OpenSearch | null
  ends: OpenEnds | null
  /** The node, or the input of the workflow, whose name is being written. */
  renaming: string | null
  /** What a longer text is written about: a node, or `WHOLE`. */
  writing: Path | null
}

/** The workflow as a whole, where a node's path could stand. */
export const WHOLE = ''

export const useMenus = create<Menus>(() => ({ menu: null, search: null, ends: null, renaming: null, writing: null }))

export const openMenu = (menu: OpenMenu | null) => useMenus.setState({ menu })
export const openSearch = (search: OpenSearch | null) => useMenus.setState({ search })
