import { useEffect, useState } from 'react'
import { api, Refused } from '../server/api'
import type { ValueAbout } from '../server/types'
import type { Json } from '../workflow/types'

/** A value to look at. `job` is needed for what is never kept, such as handles of models. */
export interface ValueSource {
  key: string
  output: string
  job?: string
}

/** Answers that never change, the latest used of them. Refusals are not kept: what is not there yet may come. */
export class Shelf<T> {
  private readonly kept = new Map<string, T>()
  private readonly coming = new Map<string, Promise<T>>()

  constructor(
    private readonly load: (name: string) => Promise<T>,
    private readonly limit: number,
  ) {}

  now(name: string): T | undefined {
    return this.kept.get(name)
  }

  get(name: string): Promise<T> {
    const kept = this.kept.get(name)
    if (kept !== undefined) {
      this.keep(name, kept)
      return Promise.resolve(kept)
    }
    const coming = this.coming.get(name) ?? this.load(name).then((value) => (this.keep(name, value), value)).finally(() => this.coming.delete(name))
    this.coming.set(name, coming)
    return coming
  }

  private keep(name: string, value: T) {
    this.kept.delete(name)
    this.kept.set(name, value)
    const oldest = this.kept.keys().next()
    if (this.kept.size > this.limit && !oldest.done) this.kept.delete(oldest.value)
  }
}

/** What values are, by `aboutName`. */
export const abouts = new Shelf<ValueAbout>((name) => {
  const [key = '', job = ''] = name.split(' ')
  return api.value(key, job)
}, 2000)

export const aboutName = ({ key, job = '' }: ValueSource) => `${key} ${job}`

/** The numbers behind views, by address. Few, as they may be large. */
export const jsons = new Shelf<Json>(api.view, 300)

export interface Loaded<T> {
  /** While `busy`, what was there before: so that a picture stays until the next one comes. */
  value: T | undefined
  problem: unknown
  busy: boolean
}

/** What a shelf has by a name; with `null` nothing is asked for. Another number as `again` asks once more. */
export function useLoaded<T>(shelf: Shelf<T>, name: string | null, again = 0): Loaded<T> {
  const [last, setLast] = useState<{ name: string | null; value?: T; problem?: unknown }>({ name: null })
  useEffect(() => {
    if (name === null) return
    let wanted = true
    shelf.get(name).then(
      (value) => wanted && setLast({ name, value }),
      (problem: unknown) => wanted && setLast({ name, problem }),
    )
    return () => {
      wanted = false
    }
  }, [shelf, name, again])
  if (name === null) return { value: undefined, problem: undefined, busy: false }
  const now = shelf.now(name)
  const current = last.name === name
  return { value: now ?? last.value, problem: current ? last.problem : undefined, busy: now === undefined && !current }
}

/** Whether the server has nothing by that key, or no longer. */
export const isGone = (problem: unknown) => problem instanceof Refused && problem.status === 404

export const whyText = (problem: unknown) => (problem instanceof Error ? problem.message : String(problem))
