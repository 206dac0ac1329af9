import { create } from 'zustand'

export type Theme = 'light' | 'dark'

const KEPT = 'diffuscope.theme'
const kept = localStorage.getItem(KEPT)
const system = matchMedia('(prefers-color-scheme: dark)')

/** Light or dark: as the system says, until it is chosen here. */
export const useTheme = create<{ theme: Theme }>(() => ({ theme: kept === 'light' || kept === 'dark' ? kept : system.matches ? 'dark' : 'light' }))

export function setTheme(theme: Theme): void {
  localStorage.setItem(KEPT, theme)
  useTheme.setState({ theme })
}

const apply = ({ theme }: { theme: Theme }) => document.documentElement.setAttribute('data-theme', theme)
apply(useTheme.getState())
useTheme.subscribe(apply)
