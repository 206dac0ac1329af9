import type { ShortcutGroup } from '../fields/ShortcutList'
import type { t } from './texts'

/** Every shortcut, as the list shows them. */
export function shortcuts(say: ReturnType<typeof t>): ShortcutGroup[] {
  const row = (does: Parameters<typeof say>[0], ...keys: string[]) => ({ keys, does: say(does) })
  return [
    {
      title: say('general'),
      rows: [
        row('kRun', 'Ctrl', 'Enter'), row('kSave', 'Ctrl', 'S'), row('kOpen', 'Ctrl', 'O'), row('undo', 'Ctrl', 'Z'), row('redo', 'Ctrl', 'Shift', 'Z'),
        row('kNext', 'Tab'), row('kHelp', '?'),
      ],
    },
    {
      title: say('canvas'),
      rows: [row('kSearch', 'Space'), row('kAll', 'Ctrl', 'A'), row('kFit', 'F'), row('kZoom', '+', '−'), row('kCopy', 'Ctrl', 'C/X/V'), row('kBox', 'Shift')],
    },
    {
      title: say('selection'),
      rows: [
        row('kMove', '↑ ↓ ← →'), row('kFields', 'Enter'), row('kMenu', '.'), row('kRename', 'F2'), row('kConnect', 'C'), row('kConnectTo', 'Shift', 'C'), row('kLook', 'L'), row('kBypass', 'B'), row('kWrap', 'Ctrl', 'L'),
        row('kDuplicate', 'Ctrl', 'D'), row('kDelete', 'Delete'),
      ],
    },
  ]
}
