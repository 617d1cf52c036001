/** What an event is about, in one word for programs. `other` has a type that is not in the table below. */
export type Kind = (typeof kinds)[keyof typeof kinds]['kind'] | 'heartbeat' | 'other' | 'unknown'

/**
 * The event types that devices send, in small letters: their case varies. `lasts` are alarms that a device tells again
 * every second while they go on.
 */
export const kinds = {
  accesscontrollerevent: { kind: 'access', title: 'Access', lasts: false },
  videointercomevent: { kind: 'intercom', title: 'Intercom', lasts: false },
  anpr: { kind: 'plate', title: 'Number plate', lasts: false },
  vehicledetection: { kind: 'plate', title: 'Vehicle', lasts: false },
  vmd: { kind: 'motion', title: 'Motion', lasts: true },
  motiondetection: { kind: 'motion', title: 'Motion', lasts: true },
  linedetection: { kind: 'line-crossing', title: 'Line crossed', lasts: true },
  fielddetection: { kind: 'intrusion', title: 'Intrusion', lasts: true },
  regionentrance: { kind: 'region-entrance', title: 'Region entered', lasts: true },
  regionexiting: { kind: 'region-exiting', title: 'Region left', lasts: true },
  loitering: { kind: 'loitering', title: 'Loitering', lasts: true },
  group: { kind: 'gathering', title: 'People gathering', lasts: true },
  parking: { kind: 'parking', title: 'Parking', lasts: true },
  rapidmove: { kind: 'rapid-move', title: 'Fast movement', lasts: true },
  unattendedbaggage: { kind: 'object-left', title: 'Object left behind', lasts: true },
  attendedbaggage: { kind: 'object-removed', title: 'Object removed', lasts: true },
  pir: { kind: 'pir', title: 'Passive infrared', lasts: true },
  io: { kind: 'alarm-input', title: 'Alarm input', lasts: true },
  videoloss: { kind: 'video-loss', title: 'Video lost', lasts: true },
  tamperdetection: { kind: 'tamper', title: 'Tampering', lasts: true },
  shelteralarm: { kind: 'tamper', title: 'Lens covered', lasts: true },
  scenechangedetection: { kind: 'scene-change', title: 'Scene changed', lasts: true },
  defocus: { kind: 'defocus', title: 'Out of focus', lasts: true },
  audioexception: { kind: 'audio', title: 'Sound', lasts: true },
  facedetection: { kind: 'face', title: 'Face', lasts: true },
  facesnap: { kind: 'face', title: 'Face', lasts: false },
  facecapture: { kind: 'face', title: 'Face', lasts: false },
  alarmresult: { kind: 'face-match', title: 'Face compared', lasts: false },
  peoplecounting: { kind: 'people-count', title: 'People counted', lasts: false },
  tma: { kind: 'temperature', title: 'Temperature alarm', lasts: true },
  tmda: { kind: 'temperature', title: 'Temperature difference', lasts: true },
  firedetection: { kind: 'fire', title: 'Fire', lasts: true },
  smokedetection: { kind: 'smoke', title: 'Smoke', lasts: true },
  diskfull: { kind: 'disk-full', title: 'Disk full', lasts: true },
  diskerror: { kind: 'disk-error', title: 'Disk error', lasts: true },
  nicbroken: { kind: 'network-broken', title: 'Network broken', lasts: true },
  ipconflict: { kind: 'address-conflict', title: 'Address conflict', lasts: true },
  illaccess: { kind: 'illegal-login', title: 'Wrong login', lasts: false },
} as const satisfies Record<string, { kind: string; title: string; lasts: boolean }>

export interface KnownKind {
  readonly kind: Kind
  readonly title: string
  readonly lasts: boolean
}

export function kindOf(eventType: string): KnownKind {
  const name = eventType.toLowerCase()
  if (Object.hasOwn(kinds, name)) return kinds[name as keyof typeof kinds]
  return { kind: 'other', title: eventType.slice(0, 80), lasts: false }
}
