import { accessCodeOf, type Outcome } from './access-codes.ts'
import { type Kind, kindOf } from './kinds.ts'
import { type DeviceTime, readTime } from './time.ts'
import { type Branch, isBranch, type Tree } from './tree.ts'

/** What a device says of itself. */
export interface SaidDevice {
  /** `44:19:b6:6d:24:85` */
  readonly mac?: string
  readonly serial?: string
  readonly name?: string
  /** Behind a router it is not where the event came from. */
  readonly address?: string
}

/** One event of any device, in one shape. What is undefined was not said. */
export interface DeviceEvent {
  readonly kind: Kind
  /** As the device calls it: `VMD`, `AccessControllerEvent`. */
  readonly type: string
  /** For people: `Door unlocked`, `Motion`. */
  readonly title: string
  readonly state?: 'active' | 'inactive'
  readonly device: SaidDevice
  readonly time?: DeviceTime
  /** As it was sent, also where it cannot be read. */
  readonly timeText?: string
  readonly channel?: number
  readonly channelName?: string
  readonly person?: { readonly number?: string; readonly name?: string; readonly type?: string }
  readonly card?: { readonly number?: string; readonly type?: string }
  readonly door?: { readonly number?: number; readonly reader?: number }
  readonly access?: { readonly major: number; readonly minor: number; readonly outcome?: Outcome }
  readonly attendance?: string
  readonly plate?: { readonly text?: string; readonly confidence?: number; readonly direction?: string }
  /** What was detected, `human` or `vehicle`, and in which region. */
  readonly target?: string
  readonly region?: string
  readonly input?: number
  /** The device asks us whether it may open. */
  readonly isQuestion: boolean
  /** Told again from the device's memory, so its time says nothing about its clock. */
  readonly isReplayed: boolean
  /** How often the device has told of this alarm. */
  readonly posts: number
  /** An alarm that is told again and again while it goes on. */
  readonly lasts: boolean
  /** The numbers that devices give their events. A gap means that some never came. */
  readonly serialNo?: number
  readonly uuid?: string
  /** Addresses on the device where its pictures lie, if it did not send them along. */
  readonly pictureUrls: readonly string[]
  /** All that was said. */
  readonly detail: Branch
}

/** Makes an event of what a body said. Undefined if it is no event of any form that is known. */
export function eventOf(tree: Tree): DeviceEvent | undefined {
  const alert = alertIn(tree)
  if (alert === undefined) return undefined
  const access = accessIn(alert)
  const type = eventTypeOf(alert, access)
  if (type === undefined) return undefined
  const known = kindOf(type)
  const code = access && codesOf(access)
  const timeText = text(alert, 'dateTime') ?? text(access, 'dateTime', 'time')
  const state = text(alert, 'eventState')?.toLowerCase()
  return {
    kind: known.kind,
    type,
    title: (code && accessCodeOf(code.major, code.minor).title) ?? known.title,
    state: state === 'active' || state === 'inactive' ? state : undefined,
    device: deviceIn(alert, access),
    time: timeText === undefined ? undefined : readTime(timeText, text(alert, 'timeDiff')),
    timeText,
    channel: number(alert, 'channelID') ?? number(alert, 'dynChannelID'),
    channelName: text(alert, 'channelName'),
    ...(access && whoIn(access, code)),
    plate: plateIn(alert),
    ...whereIn(alert),
    isQuestion: flag(access, 'remoteCheck') === true,
    isReplayed: flag(access, 'currentEvent') === false || flag(alert, 'isDataRetransmission') === true,
    posts: Math.max(1, Math.min(number(alert, 'activePostCount') ?? 1, 2_000_000_000)),
    lasts: known.lasts,
    serialNo: number(access, 'serialNo'),
    uuid: text(alert, 'UUID'),
    pictureUrls: picturesIn(alert, access),
    detail: alert,
  }
}

/**
 * Whether it only says that the device lives. Not every `inactive` does: that is how other alarms end. A `videoloss`
 * that is active has lost its video.
 */
export function isHeartbeat(event: DeviceEvent | undefined, tree: Tree): boolean {
  if (event === undefined) return isBareHeartbeat(tree)
  const type = event.type.toLowerCase().replace(/[\s_-]/g, '')
  if (type === 'heartbeat') return true
  if (type === 'videoloss') return event.state === 'inactive'
  const isEmptyAccess = event.access?.major === 5 && event.access.minor === 0
  return isEmptyAccess && event.person === undefined && event.card === undefined
}

/** What a device said of itself in a heartbeat that is nothing else. */
export function heartbeatDevice(tree: Tree): SaidDevice {
  const alert = isBranch(tree) ? (branch(tree, 'EventNotificationAlert') ?? tree) : {}
  return deviceIn(alert, undefined)
}

// --- internal ---

function alertIn(tree: Tree): Branch | undefined {
  if (!isBranch(tree)) return undefined
  const wrapped = branch(tree, 'EventNotificationAlert')
  if (wrapped) return wrapped
  // XML has a root element, whatever it is called; JSON has none.
  const only = Object.values(tree)
  if (only.length === 1 && isBranch(only[0]) && text(tree, 'eventType') === undefined && !accessIn(tree))
    return only[0]
  return tree
}

function accessIn(alert: Branch): Branch | undefined {
  const within = alert.AccessControllerEvent
  if (isBranch(within)) return within
  // One vendor's tool sends the object as JSON within JSON.
  if (typeof within === 'string' && within.length < 65_536) {
    try {
      const parsed = JSON.parse(within) as Tree
      if (isBranch(parsed)) return parsed
    } catch {}
  }
  return number(alert, 'majorEventType') === undefined ? undefined : alert
}

function eventTypeOf(alert: Branch, access: Branch | undefined): string | undefined {
  const said = text(alert, 'eventType')
  // The real type of a `duration` stands in what it relates to.
  if (said?.toLowerCase() === 'duration') {
    const durations = branch(alert, 'DurationList')?.Duration
    const first = Array.isArray(durations) ? durations[0] : durations
    return (isBranch(first) ? text(first, 'relationEvent') : undefined) ?? said
  }
  if (said !== undefined) return said.slice(0, 80)
  if (access) return 'AccessControllerEvent'
  return branch(alert, 'ANPR') && 'ANPR'
}

function deviceIn(alert: Branch, access: Branch | undefined): SaidDevice {
  const mac = text(alert, 'macAddress')?.toLowerCase().replaceAll('-', ':')
  const extensions = branch(alert, 'Extensions')
  return compact({
    mac:
      mac !== undefined && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) && !/^(00:)+00$/.test(mac)
        ? mac
        : undefined,
    serial: (
      text(extensions, 'serialNumber') ?? text(alert, 'deviceUUID', 'deviceSerialNo', 'serialNumber')
    )?.slice(0, 80),
    name: (text(access, 'deviceName') ?? text(alert, 'deviceName'))?.slice(0, 120),
    address: text(alert, 'ipAddress')?.slice(0, 64),
  })
}

function codesOf(access: Branch): { major: number; minor: number } | undefined {
  const [major, minor] = [number(access, 'majorEventType', 'major'), number(access, 'subEventType', 'minor')]
  return major === undefined || minor === undefined ? undefined : { major, minor }
}

function whoIn(access: Branch, code: { major: number; minor: number } | undefined) {
  const person = compact({
    number: text(access, 'employeeNoString', 'employeeNo'),
    name: text(access, 'name'),
    type: text(access, 'userType'),
  })
  const card = compact({ number: text(access, 'cardNo'), type: cardTypes[number(access, 'cardType') ?? 0] })
  const door = compact({ number: number(access, 'doorNo'), reader: number(access, 'cardReaderNo') })
  const attendance = text(access, 'attendanceStatus')
  return {
    person: person.number === undefined && person.name === undefined ? undefined : person,
    card: card.number === undefined ? undefined : card,
    door: Object.keys(door).length === 0 ? undefined : door,
    access: code && { ...code, outcome: accessCodeOf(code.major, code.minor).outcome },
    attendance: attendance === 'undefined' ? undefined : attendance,
  }
}

const cardTypes: Readonly<Record<number, string>> = {
  1: 'normal',
  2: 'disability',
  3: 'blocklist',
  4: 'patrol',
  5: 'duress',
  6: 'super',
  7: 'visitor',
  8: 'dismiss',
}

function plateIn(alert: Branch): DeviceEvent['plate'] {
  const anpr = branch(alert, 'ANPR')
  if (!anpr) return undefined
  const plate = text(anpr, 'licensePlate', 'originalLicensePlate')
  return compact({
    text: plate?.toLowerCase() === 'unknown' ? undefined : plate?.slice(0, 32),
    confidence: number(anpr, 'confidenceLevel'),
    direction: text(anpr, 'direction')?.slice(0, 32),
  })
}

function whereIn(alert: Branch): Pick<DeviceEvent, 'target' | 'region' | 'input'> {
  const entries = branch(alert, 'DetectionRegionList')?.DetectionRegionEntry
  const entry = Array.isArray(entries) ? entries[0] : entries
  const region = isBranch(entry) ? entry : undefined
  return {
    target: text(region, 'detectionTarget') ?? text(alert, 'detectionTarget'),
    region: text(region, 'regionID'),
    input: number(alert, 'inputIOPortID', 'dynInputIOPortID'),
  }
}

function picturesIn(alert: Branch, access: Branch | undefined): string[] {
  const named = [
    text(alert, 'bkgUrl'),
    text(access, 'pictureURL', 'visibleLightURL'),
    text(access, 'thermalURL'),
  ]
  return named.filter((url) => url !== undefined && /^https?:\/\//i.test(url)) as string[]
}

/** A device that only says who it is: nothing but its addresses and its time. */
function isBareHeartbeat(tree: Tree): boolean {
  const alert = isBranch(tree) ? (branch(tree, 'EventNotificationAlert') ?? tree) : {}
  const names = Object.keys(alert)
  return text(alert, 'macAddress') !== undefined && names.every((name) => selfDescription.has(name))
}

const selfDescription = new Set([
  'ipAddress',
  'ipv6Address',
  'portNo',
  'protocol',
  'protocolType',
  'macAddress',
  'channelID',
  'dateTime',
  'activePostCount',
  'deviceID',
])

function branch(tree: Branch | undefined, name: string): Branch | undefined {
  const value = tree !== undefined && Object.hasOwn(tree, name) ? tree[name] : undefined
  // An element that stands twice is a list; the first one is meant.
  const first = Array.isArray(value) ? value[0] : value
  return isBranch(first) ? first : undefined
}

/** The first of these that says something, as text. */
function text(tree: Branch | undefined, ...names: string[]): string | undefined {
  for (const name of names) {
    if (tree === undefined || !Object.hasOwn(tree, name)) continue
    const value = Array.isArray(tree[name]) ? tree[name][0] : tree[name]
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') continue
    const said = String(value).trim()
    if (said !== '') return said.slice(0, 512)
  }
  return undefined
}

/** Whole, or as near as a column takes it. */
function number(tree: Branch | undefined, ...names: string[]): number | undefined {
  for (const name of names) {
    const said = text(tree, name)
    if (said === undefined || !/^[+-]?\d{1,12}(\.\d{1,12})?$/.test(said)) continue
    const value = Math.round(Number(said))
    if (Math.abs(value) < 2 ** 31) return value
  }
  return undefined
}

function flag(tree: Branch | undefined, name: string): boolean | undefined {
  const said = text(tree, name)?.toLowerCase()
  return said === 'true' ? true : said === 'false' ? false : undefined
}

/** Without what was not said. */
function compact<Shape extends object>(shape: Shape): Shape {
  return Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined)) as Shape
}
