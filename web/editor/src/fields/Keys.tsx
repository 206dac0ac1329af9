import './fields.css'

const APPLE = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? '')
const NAMES: Record<string, string> = { Mod: APPLE ? '⌘' : 'Ctrl', Alt: APPLE ? '⌥' : 'Alt', ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→' }

/** Keys that are pressed together, or one after the other. `Mod` is Ctrl, or ⌘ on a Mac. */
export function Keys({ keys }: { keys: string[] }) {
  return <span className="fields-keys">{keys.map((key) => <kbd key={key}>{NAMES[key] ?? key}</kbd>)}</span>
}
