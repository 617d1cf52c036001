import { useCallback, useDeferredValue, useEffect, useRef, useState } from 'react'
import { ask } from '../../../shared/page/ask.ts'
import type { Device, DeviceEvent } from '../model.ts'
import { useLoaded } from '../use-loaded.ts'
import { EventDialog } from './EventDialog.tsx'
import { EventRow } from './EventRow.tsx'
import { Filters } from './Filters.tsx'
import { type Filter, fits, noFilter, queryOf } from './filter.ts'
import { useLiveEvents } from './use-live-events.ts'

interface Page {
  readonly events: readonly DeviceEvent[]
  readonly next: number | null
}

/** A list longer than this is no longer looked at, and slow to draw. */
const mostShown = 1000

/** Events as they come, those that were, and what is looked for among them. */
export function Events() {
  const [filter, setFilter] = useState<Filter>(noFilter)
  const query = useDeferredValue(queryOf(filter))
  const [page, setPage] = useState<Page>()
  const [fault, setFault] = useState<string>()
  const [opened, setOpened] = useState<DeviceEvent>()
  const { data } = useLoaded<{ devices: readonly Device[] }>('admin/devices')
  const current = useRef(filter)
  current.current = filter

  const load = useCallback((path: string, signal?: AbortSignal) => ask<Page>(path, { signal }), [])
  useEffect(() => {
    const controller = new AbortController()
    load(`admin/events?${query}`, controller.signal).then(
      (found) => {
        setPage(found)
        setFault(undefined)
      },
      (error: Error) => error.name !== 'AbortError' && setFault(error.message),
    )
    return () => controller.abort()
  }, [query, load])

  const line = useLiveEvents(
    useCallback((event: DeviceEvent) => {
      if (!fits(event, current.current)) return
      setPage((before) => {
        if (before === undefined || before.events.some(({ id }) => id === event.id)) return before
        return { ...before, events: [event, ...before.events].slice(0, mostShown) }
      })
    }, []),
  )

  async function loadMore(before: number) {
    try {
      const more = await load(`admin/events?${queryOf(filter, { before: String(before) })}`)
      setPage((known) => known && { events: [...known.events, ...more.events], next: more.next })
    } catch (error) {
      setFault((error as Error).message)
    }
  }

  return (
    <section aria-labelledby="events-title">
      <div className="section-head">
        <h2 id="events-title">Events</h2>
        <p className={`line ${line}`} role="status">
          {line === 'open'
            ? 'live'
            : line === 'opening'
              ? 'connecting…'
              : 'connection lost; it comes back by itself'}
        </p>
      </div>
      <Filters filter={filter} devices={data?.devices ?? []} onChange={setFilter} />
      {fault && (
        <p className="notice bad" role="alert">
          {fault}
        </p>
      )}
      {page?.events.length === 0 && (
        <p className="notice">
          {query === ''
            ? 'Nothing has come yet. Enter this server as the HTTP listening host of a device, with a path such as /hikvision/events.'
            : 'Nothing fits. Look for less, or show all.'}
        </p>
      )}
      <ol className="events">
        {page?.events.map((event) => (
          <EventRow key={event.id} event={event} onOpen={() => setOpened(event)} />
        ))}
      </ol>
      {page?.next != null && (
        <button type="button" onClick={() => page.next !== null && loadMore(page.next)}>
          Show older ones
        </button>
      )}
      {opened && <EventDialog event={opened} onClose={() => setOpened(undefined)} />}
    </section>
  )
}
