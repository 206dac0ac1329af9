import { useEffect, useRef, useState } from 'react'
import { trouble } from './trouble'

/** Does something that takes a while and can fail; tells whether the work was done. */
export type Attempt = (work: (here: () => boolean) => Promise<void>) => Promise<boolean>

/** One piece of work at a time, and what went wrong with the last; `here` tells the work whether somebody still looks. */
export function useAttempt() {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const works = useRef(false)
  const here = useRef(true)
  useEffect(() => {
    here.current = true
    return () => void (here.current = false)
  }, [])
  const attempt: Attempt = async (work) => {
    if (works.current) return false
    works.current = true
    setBusy(true)
    setProblem('')
    try {
      await work(() => here.current)
      return true
    } catch (error) {
      setProblem(trouble(error))
      return false
    } finally {
      works.current = false
      setBusy(false)
    }
  }
  return { busy, problem, attempt }
}
