import { create } from 'zustand'

export interface Toast {
  id: number
  message: string
  kind: 'info' | 'good' | 'bad'
  action?: { label: string; run: () => void } | undefined
}

const MOST = 4
let made = 0

export const useToasts = create<{ toasts: Toast[] }>(() => ({ toasts: [] }))

/** Says something at the edge of the window: for six seconds, or until it is closed where it is bad. Said again, it replaces itself. */
export function toast(message: string, { kind = 'info', action }: Partial<Pick<Toast, 'kind' | 'action'>> = {}) {
  const others = useToasts.getState().toasts.filter((one) => one.message !== message || one.kind !== kind)
  const leaves = others.length < MOST ? undefined : others.find((one) => one.kind !== 'bad') ?? others[0]
  useToasts.setState({ toasts: [...others.filter((one) => one !== leaves), { id: ++made, message, kind, action }] })
}

export function closeToast(id: number) {
  useToasts.setState(({ toasts }) => ({ toasts: toasts.filter((one) => one.id !== id) }))
}
