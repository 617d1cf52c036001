import type { PoolClient } from 'pg'
import type { Database } from '../../shared/database.ts'
import type { Kind } from './kinds.ts'
import type { StoredReading } from './prepare.ts'

/** A device as it was heard in one batch. */
interface Heard {
  key: string
  mac: string | undefined
  serial: string | undefined
  name: string | undefined
  from: string
  says: string | undefined
  seen: string
  event: string | undefined
  drift: number | undefined
  zone: number | undefined
}

export interface Stored {
  /** Numbers of the events that are new, oldest first. */
  readonly ids: readonly number[]
  /** What each of them, and each heartbeat, is about. */
  readonly kinds: readonly Kind[]
  /** The devices that were heard. */
  readonly devices: ReadonlyMap<string, number>
}

/** Puts a batch of readings into the database, all or nothing. What is there already stays as it is. */
export function storeReadings(database: Database, readings: readonly StoredReading[]): Promise<Stored> {
  return database.inTransaction(async (client) => {
    const devices = await storeDevices(client, readings)
    const rows = readings.flatMap((reading) =>
      reading.row === undefined ? [] : [{ ...reading.row, device_id: devices.get(reading.deviceKey) }],
    )
    const beats = readings.filter(({ row }) => row === undefined).map((): Kind => 'heartbeat')
    const fresh = await withoutRepeats(client, rows)
    if (fresh.length === 0) return { ids: [], kinds: beats, devices }
    const { rows: inserted } = await client.query<{ id: string; kind: Kind; is_new: boolean }>(insertEvents, [
      JSON.stringify(oncePerKey(fresh)),
    ])
    const added = inserted.filter((row) => row.is_new)
    const ids = added.map(({ id }) => Number(id)).sort((a, b) => a - b)
    return { ids, kinds: [...added.map(({ kind }) => kind), ...beats], devices }
  })
}

// --- internal ---

type Row = NonNullable<StoredReading['row']> & { device_id?: number }

const columns = `key text, device_id bigint, kind text, type text, title text, state text, received_at timestamptz,
  happened_at timestamptz, zone integer, zone_guessed boolean, time_text text, sent_from text, path text,
  channel integer, channel_name text, person_number text, person_name text, card text, door integer, reader integer,
  major integer, minor integer, outcome text, attendance text, plate text, target text, question boolean,
  replayed boolean, serial_no integer, alarm text, posts integer, last_at timestamptz, pictures jsonb,
  picture_urls jsonb, detail jsonb, understood boolean, reason text, raw text`
const names = columns.split(',').map((column) => column.trim().split(' ')[0])

/**
 * In the order in which they came, and in one statement: a round trip for each would be most of the work. A redelivery
 * changes nothing, unless it brings the picture that the first one lacked.
 */
const insertEvents = `insert into events (${names.join(', ')})
  select ${names.join(', ')} from jsonb_to_recordset($1::jsonb) as incoming (${columns})
  on conflict (key) do update set pictures = excluded.pictures
    where events.pictures = '[]' and excluded.pictures <> '[]'
  returning id, kind, xmax = 0 as is_new`

function oncePerKey(rows: readonly Row[]): Row[] {
  const kept = new Map<string, Row>()
  for (const row of rows) {
    const before = kept.get(row.key)
    if (before === undefined) kept.set(row.key, row)
    else if (before.pictures.length === 0) before.pictures = row.pictures
  }
  return [...kept.values()]
}

async function storeDevices(
  client: PoolClient,
  readings: readonly StoredReading[],
): Promise<Map<string, number>> {
  const heard = new Map<string, Heard>()
  for (const { deviceKey: key, device, from, arrived, row, clock } of readings) {
    const before = heard.get(key)
    const seen = new Date(arrived).toISOString()
    heard.set(key, {
      key,
      mac: device.mac ?? before?.mac,
      serial: device.serial ?? before?.serial,
      name: device.name ?? before?.name,
      from,
      says: device.address ?? before?.says,
      seen: before !== undefined && before.seen > seen ? before.seen : seen,
      event: row === undefined ? before?.event : seen,
      drift: clock?.drift ?? before?.drift,
      zone: clock?.zone ?? before?.zone,
    })
  }
  const { rows } = await client.query<{ id: string; key: string }>(upsertDevices, [
    // In one order, so that two transactions never wait for each other.
    JSON.stringify([...heard.values()].sort((a, b) => (a.key < b.key ? -1 : 1))),
  ])
  return new Map(rows.map(({ id, key }) => [key, Number(id)]))
}

const upsertDevices = `insert into devices as known
    (key, name, mac, serial, sends_from, says_address, first_seen, last_seen, last_event, drift_ms, zone)
  select key, coalesce(name, ''), mac, serial, "from", says, seen, seen, event, drift, zone
  from jsonb_to_recordset($1::jsonb) as incoming (key text, name text, mac text, serial text, "from" text, says text,
    seen timestamptz, event timestamptz, drift bigint, zone integer)
  on conflict (key) do update set
    name = case when known.name = '' then excluded.name else known.name end,
    mac = coalesce(excluded.mac, known.mac),
    serial = coalesce(excluded.serial, known.serial),
    sends_from = excluded.sends_from,
    says_address = coalesce(excluded.says_address, known.says_address),
    first_seen = coalesce(known.first_seen, excluded.first_seen),
    last_seen = greatest(known.last_seen, excluded.last_seen),
    last_event = greatest(known.last_event, excluded.last_event),
    drift_ms = coalesce(excluded.drift_ms, known.drift_ms),
    zone = coalesce(excluded.zone, known.zone)
  returning id, key`

/** Milliseconds within which a report of an alarm that goes on is followed by the next; devices tell every second. */
const lull = 10_000

/**
 * Takes out the reports of alarms that are known already, and notes with those how often they were told. A report with
 * pictures is kept: nothing that a device sent gets lost.
 */
async function withoutRepeats(client: PoolClient, rows: readonly Row[]): Promise<Row[]> {
  const running = await runningAlarms(client, rows)
  const fresh: Row[] = []
  const inBatch = new Map<string, Row>()
  const reports = new Map<string, { key: string; posts: number; last_at: string }>()
  for (const row of rows) {
    const { alarm, posts } = row
    const known = alarm === undefined ? undefined : running.get(alarm)
    const at = Date.parse(row.received_at)
    const isRepeat =
      known !== undefined &&
      row.state === 'active' &&
      posts > 1 &&
      row.pictures.length === 0 &&
      at - known.last <= lull
    if (isRepeat) {
      known.posts = Math.max(posts, known.posts)
      known.last = Math.max(at, known.last)
      const told = { posts: known.posts, last_at: new Date(known.last).toISOString() }
      const first = inBatch.get(known.key)
      if (first) Object.assign(first, told)
      else reports.set(known.key, { key: known.key, ...told })
      continue
    }
    fresh.push(row)
    if (!inBatch.has(row.key)) inBatch.set(row.key, row)
    if (alarm === undefined) continue
    if (row.state === 'active') running.set(alarm, { key: row.key, posts, last: at })
    else running.delete(alarm)
  }
  if (reports.size > 0) await client.query(noteReports, [JSON.stringify([...reports.values()])])
  return fresh
}

interface Alarm {
  readonly key: string
  posts: number
  /** When it was told last, in milliseconds. */
  last: number
}

/** Those that go on, of the ones that a batch tells again. In one question, because a batch may tell of thousands. */
async function runningAlarms(client: PoolClient, rows: readonly Row[]): Promise<Map<string, Alarm>> {
  const told = new Set(rows.flatMap(({ alarm, posts }) => (alarm !== undefined && posts > 1 ? [alarm] : [])))
  if (told.size === 0) return new Map()
  const { rows: found } = await client.query<{
    alarm: string
    key: string
    posts: number
    last: Date
    state: string
  }>(latestAlarms, [[...told]])
  const active = found.filter(({ state }) => state === 'active')
  return new Map(active.map(({ alarm, key, posts, last }) => [alarm, { key, posts, last: last.getTime() }]))
}

const latestAlarms = `select alarm, key, posts, last_at as last, state from unnest($1::text[]) told (alarm)
  cross join lateral (select key, posts, last_at, state from events where events.alarm = told.alarm
    order by id desc limit 1) latest`

const noteReports = `update events set posts = greatest(events.posts, told.posts), last_at = greatest(events.last_at, told.last_at)
  from jsonb_to_recordset($1::jsonb) as told (key text, posts integer, last_at timestamptz) where events.key = told.key`
