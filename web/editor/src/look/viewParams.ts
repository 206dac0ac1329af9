import { useEffect, useState } from 'react'
import { create } from 'zustand'
import { write } from '../workflow/json'
import type { View } from '../server/types'
import type { Json } from '../workflow/types'

type Params = Record<string, Json>

/** What is chosen: by type the view, by `type.view` its params. */
interface Choice {
  views: Record<string, string>
  params: Record<string, Params>
}

interface ViewParams extends Choice {
  /** Whether values of one type are all seen the same way, so that like is compared with like. */
  linked: boolean
  link: (linked: boolean) => void
  setView: (type: string, view: string) => void
  setParam: (place: string, name: string, value: Json) => void
}

const NOTHING: Choice = { views: {}, params: {} }

export const useViewParams = create<ViewParams>((set) => ({
  ...NOTHING,
  linked: true,
  link: (linked) => set({ linked }),
  setView: (type, view) => set((state) => withView(state, type, view)),
  setParam: (place, name, value) => set((state) => withParam(state, place, name, value)),
}))

const withView = (choice: Choice, type: string, view: string) => ({ ...choice, views: { ...choice.views, [type]: view } })

const withParam = (choice: Choice, place: string, name: string, value: Json) =>
  ({ ...choice, params: { ...choice.params, [place]: { ...choice.params[place], [name]: value } } })

/** The view of a value and its params: the shared ones while linked; otherwise its own, from where the shared ones were left. */
export function useChosen(type: string, views: View[]) {
  const shared = useViewParams()
  const [own, setOwn] = useState(NOTHING)
  useEffect(() => {
    if (shared.linked) setOwn(NOTHING)
  }, [shared.linked])

  const name = own.views[type] ?? shared.views[type]
  const view = views.find((one) => one.name === name) ?? views[0]
  const place = `${type}.${view?.name ?? ''}`
  return {
    view,
    params: own.params[place] ?? shared.params[place] ?? {},
    setView: (chosen: string) => (shared.linked ? shared.setView(type, chosen) : setOwn(withView(own, type, chosen))),
    setParam(param: string, value: Json) {
      if (shared.linked) return shared.setParam(place, param, value)
      const begun = { ...own, params: { ...own.params, [place]: own.params[place] ?? shared.params[place] ?? {} } }
      setOwn(withParam(begun, place, param, value))
    },
  }
}

/** The params that a view is asked with: those that it has, where they are not at their defaults. */
export function asked(view: View, params: Params): Params {
  const told = Object.entries(params).filter(([name, value]) => {
    const schema = view.params[name]
    return schema !== undefined && value !== null && write(value) !== write(schema.default ?? null)
  })
  return Object.fromEntries(told)
}
