import { useEffect } from 'react'
import { useLoaded } from '../files/useLoaded'
import { api } from '../server/api'
import { useQueue } from './state'

/** What runs and what waits, kept up to date. */
export function useActive() {
  const { value, problem, reload } = useLoaded(api.queue)
  useEffect(
    () => useQueue.subscribe((now, before) => void (now.changed !== before.changed && reload())),
    [reload],
  )
  return { queue: value, problem, reload }
}
