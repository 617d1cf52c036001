import type { DeviceEvent } from '../model.ts'
import { When } from '../When.tsx'

/** One event: when, what, who, where, and its picture. */
export function EventRow({ event, onOpen }: { event: DeviceEvent; onOpen(): void }) {
  const [picture] = event.pictures
  return (
    <li className={`event ${event.outcome ?? ''} ${event.understood ? '' : 'unread'}`}>
      {picture ? (
        <button type="button" className="picture" onClick={onOpen} aria-label={`Picture of ${event.title}`}>
          <img src={picture.path} alt="" loading="lazy" />
        </button>
      ) : (
        <span className="picture none" aria-hidden="true">
          {event.kind.slice(0, 1).toUpperCase()}
        </span>
      )}
      <div className="what">
        <button type="button" className="title" onClick={onOpen}>
          {event.title}
        </button>
        {event.outcome && (
          <span className={`tag ${event.outcome}`}>{event.outcome === 'granted' ? 'let in' : 'refused'}</span>
        )}
        {event.state === 'inactive' && <span className="tag">over</span>}
        {event.posts > 1 && <span className="tag">{event.posts} reports</span>}
        {event.replayed && <span className="tag">told later</span>}
        <p>{subjectOf(event)}</p>
      </div>
      <div className="where">
        <When at={event.happened ?? event.received} note={timeNote(event)} />
        <p className="soft">{event.device.name}</p>
      </div>
    </li>
  )
}

// --- internal ---

function subjectOf(event: DeviceEvent): string {
  const { person, card, plate, channelName, channel, door, target, reason } = event
  const words = [
    person && [person.name, person.number && `(${person.number})`].filter(Boolean).join(' '),
    card && `card ${card}`,
    plate && `plate ${plate}`,
    target,
    door !== null && `door ${door}`,
    channelName ?? (channel !== null && event.kind !== 'access' ? `channel ${channel}` : null),
    event.understood ? null : `not understood: ${reason}`,
  ]
  return words.filter(Boolean).join(' · ')
}

export function timeNote({ happened, deviceTime, zoneGuessed, received }: DeviceEvent): string {
  if (happened === null) return 'The device did not say when; this is when it arrived'
  const zone = zoneGuessed ? ', in a zone that it did not say' : ''
  return `The device says ${deviceTime}${zone}; arrived ${new Date(received).toLocaleString()}`
}
