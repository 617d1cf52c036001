import type { Picture } from './prepare.ts'

/** A row of `events`, with the name of its device. */
export interface EventRow {
  readonly id: string
  readonly device_id: string | null
  readonly device: string | null
  readonly kind: string
  readonly type: string
  readonly title: string
  readonly state: string | null
  readonly received_at: Date
  readonly happened_at: Date | null
  readonly zone: number | null
  readonly zone_guessed: boolean
  readonly time_text: string | null
  readonly sent_from: string
  readonly channel: number | null
  readonly channel_name: string | null
  readonly person_number: string | null
  readonly person_name: string | null
  readonly card: string | null
  readonly door: number | null
  readonly reader: number | null
  readonly major: number | null
  readonly minor: number | null
  readonly outcome: string | null
  readonly attendance: string | null
  readonly plate: string | null
  readonly target: string | null
  readonly replayed: boolean
  readonly posts: number
  readonly last_at: Date
  readonly pictures: Picture[]
  readonly picture_urls: string[]
  readonly understood: boolean
  readonly reason: string | null
}

/** For a query on `events` with `devices` beside it. */
export const shownColumns = `events.id, device_id, coalesce(nullif(devices.name, ''), regexp_replace(devices.key, '^(mac|serial|address):', '')) as device, kind, type, title,
  events.state, received_at, happened_at, events.zone, zone_guessed, time_text, sent_from, channel, channel_name, person_number, person_name,
  card, door, reader, major, minor, outcome, attendance, plate, target, replayed, posts, last_at, pictures, picture_urls,
  understood, reason`

export type ShownEvent = ReturnType<typeof shownEvent>

/** An event as the page, the export and the log files show it. Times are ISO 8601 in UTC. */
export function shownEvent(row: EventRow) {
  return {
    id: Number(row.id),
    device: { id: row.device_id === null ? null : Number(row.device_id), name: row.device ?? row.sent_from },
    kind: row.kind,
    type: row.type,
    title: row.title,
    state: row.state,
    received: row.received_at.toISOString(),
    happened: row.happened_at?.toISOString() ?? null,
    /** What the device's clock showed, in its own words. */
    deviceTime: row.time_text,
    zone: row.zone,
    zoneGuessed: row.zone_guessed,
    from: row.sent_from,
    channel: row.channel,
    channelName: row.channel_name,
    person:
      row.person_number === null && row.person_name === null
        ? null
        : { number: row.person_number, name: row.person_name },
    card: row.card,
    door: row.door,
    reader: row.reader,
    code: row.major === null ? null : `${row.major}/${row.minor}`,
    outcome: row.outcome,
    attendance: row.attendance,
    plate: row.plate,
    target: row.target,
    replayed: row.replayed,
    posts: row.posts,
    lastReport: row.last_at.toISOString(),
    pictures: row.pictures.map(({ name, file }) => ({ name, path: `faces/${file}` })),
    pictureUrls: row.picture_urls,
    understood: row.understood,
    reason: row.reason,
  }
}
