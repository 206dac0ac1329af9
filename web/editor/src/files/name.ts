import { t } from './texts'

const START = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]/u
const OTHER = /[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc} .+=,()-]/u
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i
const MOST = 120

/** A name as it is sent. */
export function tidied(name: string): string {
  return name.trim().normalize('NFC')
}

/** What is wrong with the name of a workflow, as the server would see it; empty if nothing is. */
export function nameFault(name: string): string {
  const bytes = new TextEncoder().encode(name).length
  const sign = OTHER.exec(name)?.[0]
  if (name === '') return t.now('nameEmpty')
  if (sign) return t.now('nameSign', { sign })
  if (!START.test(name)) return t.now('nameStart')
  if (name.endsWith('.')) return t.now('nameEnd')
  if (DEVICE.test(name)) return t.now('nameDevice')
  return bytes > MOST ? t.now('nameLong', { bytes }) : ''
}

/** A name that can be saved by, from a title. */
export function nameFor(title: string): string {
  let name = tidied(title).replace(new RegExp(OTHER, 'gu'), ' ').replace(/ +/g, ' ')
  while (name && !START.test(name)) name = name.slice(1)
  while (new TextEncoder().encode(name).length > MOST) name = [...name].slice(0, -1).join('')
  return name.replace(/[ .]+$/, '')
}
