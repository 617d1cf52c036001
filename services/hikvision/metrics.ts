import { counter, gauge } from '../shared/metrics.ts'
import { type Kind, kinds } from './events/kinds.ts'

/** The metrics of this service, beside those that every service has (`services/shared/`). */

export const received = counter(
  'hikvision_events_received_total',
  'Events that devices began to send: each is spooled, refused, or broken off.',
  {},
)
export const refused = counter(
  'hikvision_events_refused_total',
  'Events that were not taken. `address`, `path`, `credentials`, `device`, `rate`: by the rules for senders; `large`, `slow`, `broken_off`: as they came; `full`, `disk`: they could not be kept, and the device sends them again.',
  {
    reason: [
      'address',
      'path',
      'credentials',
      'device',
      'rate',
      'large',
      'slow',
      'broken_off',
      'full',
      'disk',
    ],
  },
)
export const spooled = counter(
  'hikvision_events_spooled_total',
  'Events that are safe on the disk; their devices were told so.',
  {},
)
export const stored = counter(
  'hikvision_events_stored_total',
  'Events that came into the database, by what they are about. One that a device sent twice is counted once, and so is an alarm that goes on. `unknown`: kept raw.',
  { kind: allKinds() },
)

export const spoolEvents = gauge('hikvision_spool_events', 'Events on the disk that wait for the database.')
export const spoolBytes = gauge(
  'hikvision_spool_bytes',
  'Bytes of events on the disk that wait for the database.',
)
export const spoolLimit = gauge('hikvision_spool_limit_bytes', 'How many of them there may be: SPOOL_LIMIT.')
export const spoolAge = gauge(
  'hikvision_spool_oldest_seconds',
  'How long the event has waited that waits longest. 0 where none does.',
)

export const devices = gauge(
  'hikvision_devices',
  'Devices that the service is to reach, by how the last attempt went: ok, away, refused (its password), unknown.',
  ['state'],
)
export const devicesHeard = gauge(
  'hikvision_devices_heard',
  'Devices that sent something within ten minutes.',
)
export const jobs = gauge(
  'hikvision_jobs',
  'What is to be done on devices, by state: waiting, running, failed.',
  ['state'],
)
export const agents = gauge(
  'hikvision_agents',
  'Agents at other sites: connected, and away, which have a token and no connection.',
  ['state'],
)

// --- internal ---

function allKinds(): readonly Kind[] {
  return [
    ...new Set<Kind>([...Object.values(kinds).map(({ kind }) => kind), 'heartbeat', 'other', 'unknown']),
  ]
}
