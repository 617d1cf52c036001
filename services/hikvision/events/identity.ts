import { createHash } from 'node:crypto'
import type { DeviceEvent, SaidDevice } from './event.ts'
import type { Branch, Tree } from './tree.ts'

/** Which device it is: by its MAC address, else by its serial number, else by where it sends from. */
export function deviceKey({ mac, serial }: SaidDevice, from: string): string {
  if (mac !== undefined) return `mac:${mac}`
  return serial === undefined ? `address:${from}` : `serial:${serial}`
}

/**
 * The same for an event and for its redelivery, another one for every other event. The number that a terminal gives its
 * events begins anew after a reset, so its time counts too. An event that says no time is the same as one with the same
 * words within the same minute.
 */
export function eventKey(event: DeviceEvent, device: string, arrived: number): string {
  const { access, serialNo, timeText, person, card } = event
  if (access !== undefined && serialNo !== undefined && timeText !== undefined)
    return digest(
      'access',
      device,
      serialNo,
      timeText,
      access.major,
      access.minor,
      person?.number,
      card?.number,
    )
  const when = timeText ?? Math.floor(arrived / 60_000)
  if (event.uuid !== undefined) return digest('uuid', device, event.uuid, event.type, when)
  return digest('event', device, when, canonical(event.detail))
}

/** For what nobody understands. */
export function rawKey(raw: Buffer, from: string, arrived: number): string {
  return digest('raw', from, Math.floor(arrived / 60_000), createHash('sha256').update(raw).digest('hex'))
}

/** The same for all reports of one alarm that goes on; undefined for events that are over at once. */
export function alarmKey(event: DeviceEvent, device: string): string | undefined {
  if (!event.lasts) return undefined
  return digest(
    'alarm',
    device,
    event.type.toLowerCase(),
    event.channel,
    event.region,
    event.target,
    event.input,
  )
}

// --- internal ---

function digest(...parts: unknown[]): string {
  return createHash('sha256')
    .update(JSON.stringify(parts.map((part) => part ?? null)))
    .digest('hex')
    .slice(0, 40)
}

/** What changes when the same event is sent again: how it was sent, and how often. */
const ofTheDelivery = new Set([
  'ipAddress',
  'ipv6Address',
  'portNo',
  'protocol',
  'protocolType',
  'activePostCount',
  'isDataRetransmission',
  'currentEvent',
  'bkgUrl',
  'pictureURL',
])

function canonical(tree: Tree): string {
  if (typeof tree !== 'object' || tree === null) return JSON.stringify(tree)
  if (Array.isArray(tree)) return `[${tree.map(canonical).join()}]`
  const names = Object.keys(tree as Branch).filter((name) => !ofTheDelivery.has(name))
  return `{${names
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical((tree as Branch)[name] as Tree)}`)
    .join()}}`
}
