import type { Catalogue } from '../server/types'
import { useLanguage } from '../text/text'
import { own } from './records'
import { t } from './texts'
import type { Workflow } from './types'

/** Why something cannot be done. */
export interface Reason {
  code:
    | 'kind' | 'list' | 'circle' | 'self' | 'inside' | 'deep' | 'bound' | 'axis' | 'nothing' | 'hidden'
    | 'name' | 'taken' | 'levels' | 'empty' | 'into' | 'text' | 'newer' | 'param'
  /** The kind that is read. */
  wanted?: string
  /** The kind that is given, or the name that is taken. */
  found?: string
}

export interface Refused {
  reason: Reason
}

/** What an edit gives that cannot always be done: `'reason' in outcome` tells. */
export type Outcome<More = unknown> = ({ workflow: Workflow } & More) | Refused

export function refused(code: Reason['code']): Refused {
  return { reason: { code } }
}

/** A reason in words, in the present language; value types are called as the catalogue calls them. */
export function reasonText({ code, wanted, found }: Reason, catalogue?: Catalogue): string {
  const called = (kind: string | undefined) => (code === 'taken' ? (kind ?? '') : kindText(kind ?? '', catalogue))
  return t.now(code, { wanted: called(wanted), found: called(found) })
}

const PLAIN = { '': 'anything', int: 'int', float: 'float', str: 'str', bool: 'bool', list: 'several', json: 'json' } as const

/** A kind in words. */
export function kindText(kind: string, catalogue?: Catalogue): string {
  const plain = own<(typeof PLAIN)[keyof typeof PLAIN]>(PLAIN, kind)
  return plain ? t.now(plain) : (own(catalogue?.types, kind)?.labels[useLanguage.getState().language] ?? kind)
}
