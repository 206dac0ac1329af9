import { useCallback, useEffect, useRef, useState } from 'react'
import { trouble } from './trouble'

/** What the server was asked for when the component appeared; `reload` asks again, and shows what was there meanwhile. */
export function useLoaded<T>(load: () => Promise<T>) {
  const [state, setState] = useState<{ value: T | null; problem: string }>({ value: null, problem: '' })
  const asked = useRef(0)
  const ask = useRef(load)
  const reload = useCallback(async () => {
    const question = ++asked.current
    const answer = await ask.current().then((value) => ({ value, problem: '' }), (error: unknown) => ({ problem: trouble(error) }))
    if (question === asked.current) setState((before) => ({ ...before, ...answer }))
  }, [])
  useEffect(() => {
    void reload()
    return () => void asked.current++
  }, [reload])
  return { ...state, reload }
}
