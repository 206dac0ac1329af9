import { viewAddress } from '../server/api'
import type { ValueAbout, View } from '../server/types'
import type { Json } from '../workflow/types'
import { aboutName, abouts, type ValueSource } from './loaded'
import { asked, useViewParams } from './viewParams'

/** A picture: a file of the server's, or the first view of a value. */
export type Source = { url: string; title?: string } | (ValueSource & { title?: string })

export function sourceAddress(source: Source): string {
  return 'url' in source ? source.url : viewAddress(source.key, source.output, '', {}, '', source.job ?? '')
}

/** The address of a value's view with its params; `json` for the numbers behind it. */
export function addressOf({ key, output, job = '' }: ValueSource, view: View, params: Record<string, Json>, form: '' | 'json' = ''): string {
  return viewAddress(key, output, view.name, asked(view, params), form, job)
}

/** Have the picture of a value ready, as the views that are linked show it. */
export async function preload(value: ValueSource): Promise<void> {
  const about: ValueAbout = await abouts.get(aboutName(value))
  const { type, views = [] } = about.outputs[value.output] ?? {}
  const { views: chosen, params } = useViewParams.getState()
  const view = views.find((one) => one.name === chosen[type ?? '']) ?? views[0]
  if (view?.shows !== 'picture') return
  const picture = new Image()
  picture.src = addressOf(value, view, params[`${type}.${view.name}`] ?? {})
  await picture.decode()
}
