import { useEffect, useRef } from 'react'
import type { DeviceEvent } from '../model.ts'
import { useLoaded } from '../use-loaded.ts'
import { When } from '../When.tsx'
import { timeNote } from './EventRow.tsx'

/** All that is known of one event. */
export function EventDialog({ event, onClose }: { event: DeviceEvent; onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  const { data, fault } = useLoaded<{ detail: unknown; hasRaw: boolean }>(`admin/events/${event.id}`)
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="event-title">
      <div className="dialog-head">
        <h2 id="event-title">{event.title}</h2>
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
      {event.pictures.map(({ name, path }) => (
        <figure key={path}>
          <img className="large" src={path} alt={`${name} of ${event.title}`} />
          <figcaption className="soft">{name}</figcaption>
        </figure>
      ))}
      <dl>
        <dt>When</dt>
        <dd>
          <When at={event.happened ?? event.received} />
          <br />
          <span className="soft">{timeNote(event)}</span>
        </dd>
        <dt>Device</dt>
        <dd>
          {event.device.name} <span className="soft">from {event.from}</span>
        </dd>
        {event.reason && (
          <>
            <dt>Note</dt>
            <dd>{event.reason}</dd>
          </>
        )}
      </dl>
      {fault && (
        <p className="notice bad" role="alert">
          {fault}
        </p>
      )}
      {data?.hasRaw && (
        <p>
          <a href={`admin/events/${event.id}/raw`} download>
            What was sent, as it is
          </a>
        </p>
      )}
      {data?.detail != null && (
        <details>
          <summary>All that the device said</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
          <pre tabIndex={0}>{JSON.stringify(data.detail, undefined, 2)}</pre>
        </details>
      )}
    </dialog>
  )
}
