import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Waiting } from '../intake/spool.ts'
import type { DeviceEvent, SaidDevice } from './event.ts'
import { writeWhole } from './files.ts'
import { alarmKey, deviceKey, eventKey, rawKey } from './identity.ts'
import { type Attachment, type Reading, readBody } from './read.ts'
import { type Instant, instantOf } from './time.ts'

export interface PrepareSettings {
  /** Where pictures and what is kept raw go. */
  readonly folder: string
  /** Minutes east of UTC of devices that do not say. */
  readonly usualZone: number
  /** Whether a device of that name may send. */
  isKnown(mac: string | undefined, serial: string | undefined): boolean
}

/** A reading, ready for the database. Its files are on the disk. */
export interface StoredReading {
  readonly deviceKey: string
  readonly device: SaidDevice
  readonly from: string
  readonly arrived: number
  /** What its clock told: milliseconds ahead of ours, and its zone. Undefined for what was told again later. */
  readonly clock?: { readonly drift: number; readonly zone: number }
  /** The row of `events`; a heartbeat has none. */
  readonly row?: ReturnType<typeof rowOf>
}

/** Reads what a device sent, and puts its files away. */
export async function prepare(
  { arrival, body }: Waiting,
  settings: PrepareSettings,
): Promise<StoredReading[]> {
  const { from, at: arrived } = arrival
  const prepared: StoredReading[] = []
  for (const reading of readBody(body, arrival.type)) {
    const said = saidDevice(reading)
    const about = { deviceKey: deviceKey(said, from), device: said, from, arrived }
    if (!settings.isKnown(said.mac, said.serial)) {
      // A glance at the door was deceived. Under a name that it does not have, it is nobody's event.
      const row = await keepRaw(
        { is: 'unknown', why: 'its device is not listed', raw: body, attachments: [] },
        arrival,
        settings,
      )
      prepared.push({ deviceKey: `address:${from}`, device: {}, from, arrived, row })
      continue
    }
    if (reading.is === 'heartbeat') prepared.push({ ...about, ...clockOf(reading.event, arrived, settings) })
    else if (reading.is === 'unknown')
      prepared.push({ ...about, row: await keepRaw(reading, arrival, settings) })
    else {
      const row = await keepEvent(reading, about, arrival, settings)
      prepared.push({ ...about, row, ...clockOf(reading.event, arrived, settings) })
    }
  }
  return prepared
}

/** The least that is kept of an event which the database does not take. */
export async function prepareRaw(
  waiting: Waiting,
  why: string,
  settings: PrepareSettings,
): Promise<StoredReading> {
  const { arrival, body } = waiting
  const row = await keepRaw({ is: 'unknown', why, raw: body, attachments: [] }, arrival, settings)
  return { deviceKey: `address:${arrival.from}`, device: {}, from: arrival.from, arrived: arrival.at, row }
}

// --- internal ---

type Arrival = Waiting['arrival']
type Unknown = Extract<Reading, { is: 'unknown' }>

function saidDevice(reading: Reading): SaidDevice {
  if (reading.is === 'event') return reading.event.device
  return reading.is === 'heartbeat' ? reading.device : {}
}

function clockOf(event: DeviceEvent | undefined, arrived: number, { usualZone }: PrepareSettings) {
  if (event?.time?.offset === undefined || event.isReplayed) return {}
  const { at, offset } = instantOf(event.time, arrived, usualZone)
  return { clock: { drift: at.getTime() - arrived, zone: offset } }
}

async function keepEvent(
  { event, attachments, cutShort }: Extract<Reading, { is: 'event' }>,
  { deviceKey: device }: { deviceKey: string },
  arrival: Arrival,
  settings: PrepareSettings,
) {
  const key = eventKey(event, device, arrival.at)
  const { pictures, others } = await keepFiles(key, attachments, arrival, settings)
  const time = event.time && instantOf(event.time, arrival.at, settings.usualZone)
  const reason = cutShort ? 'was cut short' : others > 0 ? 'came with files that are no pictures' : undefined
  return rowOf({
    ...{ key, kind: event.kind, type: event.type, title: event.title, state: event.state },
    ...timesOf(event.timeText, time, arrival),
    ...{ channel: event.channel, channel_name: event.channelName },
    ...{ person_number: event.person?.number, person_name: event.person?.name, card: event.card?.number },
    ...{ door: event.door?.number, reader: event.door?.reader },
    ...{ major: event.access?.major, minor: event.access?.minor, outcome: event.access?.outcome },
    ...{ attendance: event.attendance, plate: event.plate?.text, target: event.target },
    ...{ question: event.isQuestion, replayed: event.isReplayed, serial_no: event.serialNo },
    ...{ alarm: alarmKey(event, device), posts: event.posts },
    ...{ pictures, picture_urls: event.pictureUrls, detail: event.detail, understood: !cutShort, reason },
  })
}

async function keepRaw({ why, raw, attachments }: Unknown, arrival: Arrival, settings: PrepareSettings) {
  const key = rawKey(raw, arrival.from, arrival.at)
  const file = join(day(arrival.at), `${key}.bin`)
  await writeWhole(join(settings.folder, 'raw', file), raw)
  const { pictures } = await keepFiles(key, attachments, arrival, settings)
  return rowOf({
    ...{ key, kind: 'unknown', type: arrival.type.slice(0, 80), title: 'Not understood' },
    ...timesOf(undefined, undefined, arrival),
    ...{ pictures, understood: false, reason: why, raw: file },
  })
}

function timesOf(text: string | undefined, time: Instant | undefined, { at, from, path }: Arrival) {
  const received = new Date(at).toISOString()
  return {
    received_at: received,
    last_at: received,
    happened_at: time?.at.toISOString(),
    zone: time?.offset,
    zone_guessed: time?.isGuessed,
    time_text: text,
    sent_from: from,
    path,
  }
}

/** A row as the database takes it; the columns that the store itself looks at stand here by name. */
interface Row {
  key: string
  received_at: string
  pictures: Picture[]
  state?: string
  alarm?: string
  posts?: number
  [column: string]: unknown
}

/** Columns that may not be null have their defaults here, because a record of JSON has no others. */
function rowOf(said: Row): Row & { posts: number } {
  const { zone_guessed = false, question = false, replayed = false, posts = 1 } = said
  const { picture_urls = [], understood = true } = said
  return { ...said, zone_guessed, question, replayed, posts, picture_urls, understood }
}

export interface Picture {
  readonly name: string
  /** Below `/faces/`. */
  readonly file: string
}

/** Pictures have names that cannot be guessed, and the same ones if the event is read a second time. */
async function keepFiles(
  key: string,
  attachments: readonly Attachment[],
  arrival: Arrival,
  { folder }: PrepareSettings,
): Promise<{ pictures: Picture[]; others: number }> {
  const pictures: Picture[] = []
  let others = 0
  for (const [index, { name, format, content }] of attachments.entries()) {
    const digest = createHash('sha256').update(content).digest('hex').slice(0, 16)
    const file = join(day(arrival.at), `${key}-${index}-${digest}.${format ?? 'bin'}`)
    await writeWhole(join(folder, format === undefined ? 'raw' : 'faces', file), content)
    if (format === undefined) others += 1
    else pictures.push({ name, file })
  }
  return { pictures, others }
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}
