import { useCallback, useEffect, useState } from 'react'
import { ask } from '../../shared/page/ask.ts'

export interface Loaded<Answer> {
  readonly data: Answer | undefined
  readonly fault: string | undefined
  reload(): void
}

/** What stands at a path, read when the page asks, and again every so many milliseconds. */
export function useLoaded<Answer>(path: string, every?: number): Loaded<Answer> {
  const [data, setData] = useState<Answer>()
  const [fault, setFault] = useState<string>()
  const [round, setRound] = useState(0)
  const reload = useCallback(() => setRound((before) => before + 1), [])

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round reads again
  useEffect(() => {
    const controller = new AbortController()
    ask<Answer>(path, { signal: controller.signal }).then(
      (answer) => {
        setData(answer)
        setFault(undefined)
      },
      (error: Error) => {
        if (error.name !== 'AbortError') setFault(error.message)
      },
    )
    return () => controller.abort()
  }, [path, round])

  useEffect(() => {
    if (every === undefined) return
    const timer = setInterval(reload, every)
    return () => clearInterval(timer)
  }, [every, reload])

  return { data, fault, reload }
}
