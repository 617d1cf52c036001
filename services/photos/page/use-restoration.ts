import { useEffect, useState } from 'react'
import { Refusal } from '../../shared/page/ask.ts'
import { api, type Progress, type Restoration } from './api.ts'

/** A restoration, followed while it is under way. `again` puts one that failed back into the queue. */
export function useRestoration(id: string, onRefused: (refusal: Refusal) => void) {
  const [item, setItem] = useState<Restoration>()
  const isUnderWay = item?.status === 'queued' || item?.status === 'running'

  const load = () => api.restoration(id).then(setItem, onRefused)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the id is all that it depends on
  useEffect(() => {
    void load()
  }, [id])

  // biome-ignore lint/correctness/useExhaustiveDependencies: a stream for as long as it is under way
  useEffect(() => {
    if (!isUnderWay) return
    const events = new EventSource(api.eventsOf(id))
    const end = () => {
      events.close()
      void load()
    }
    events.addEventListener('progress', ({ data }) => {
      setItem((before) => before && { ...before, ...(JSON.parse(data) as Progress) })
    })
    for (const name of ['done', 'failed']) events.addEventListener(name, end)
    events.addEventListener('gone', () => {
      events.close()
      onRefused(new Refusal(404, 'The picture was deleted.'))
    })
    // A browser asks again by itself after a connection that broke, not after an answer that is no stream.
    events.addEventListener('error', () => {
      if (events.readyState === EventSource.CLOSED) setTimeout(load, 3_000)
    })
    return () => events.close()
  }, [id, isUnderWay])

  return { item, again: () => api.retry(id).then(setItem, onRefused) }
}
