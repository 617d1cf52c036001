/** A device that sends: what it says of itself. */
export interface Sender {
  readonly mac: string
  readonly serial: string
  readonly address: string
  readonly name: string
}

/** One body, as a device would send it. */
export interface Payload {
  readonly type: string
  readonly body: Buffer
}

/** What an access terminal tells: JSON, indented with tabs. */
export function accessEvent(sender: Sender, at: Date, access: Record<string, unknown>): Payload {
  const alert = {
    ipAddress: sender.address,
    portNo: 80,
    protocol: 'HTTP',
    macAddress: sender.mac,
    channelID: 1,
    dateTime: deviceTime(at),
    activePostCount: 1,
    eventType: 'AccessControllerEvent',
    eventState: 'active',
    eventDescription: 'Access Controller Event',
    AccessControllerEvent: {
      deviceName: sender.name,
      currentVerifyMode: 'cardOrFace',
      attendanceStatus: 'undefined',
      label: '',
      statusValue: 0,
      mask: 'no',
      purePwdVerifyEnable: true,
      ...access,
    },
  }
  return {
    type: 'application/json; charset="UTF-8"',
    body: Buffer.from(JSON.stringify(alert, undefined, '\t')),
  }
}

/** What a camera tells: XML with its line ends, in the namespace of its firmware. */
export function cameraEvent(sender: Sender, at: Date, eventType: string, more = '', post = 1): Payload {
  const xml = `<?xml version="1.0" encoding="UTF-8"?>
<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">
<ipAddress>${sender.address}</ipAddress>
<portNo>80</portNo>
<protocol>HTTP</protocol>
<macAddress>${sender.mac}</macAddress>
<channelID>1</channelID>
<dateTime>${deviceTime(at)}</dateTime>
<activePostCount>${post}</activePostCount>
<eventType>${eventType}</eventType>
<eventState>active</eventState>
<eventDescription>${eventType} alarm</eventDescription>
<channelName>Yard</channelName>
${more}</EventNotificationAlert>
`
  return { type: 'application/xml; charset="UTF-8"', body: Buffer.from(xml.replaceAll('\n', '\r\n')) }
}

export function plateEvent(sender: Sender, at: Date, plate: string): Payload {
  return cameraEvent(
    sender,
    at,
    'ANPR',
    `<ANPR>
<country>0</country>
<licensePlate>${plate}</licensePlate>
<line>1</line>
<direction>forward</direction>
<confidenceLevel>97</confidenceLevel>
<plateType>unknown</plateType>
<vehicleInfo>
<color>white</color>
</vehicleInfo>
</ANPR>
<UUID>${crypto.randomUUID()}</UUID>
<picNum>1</picNum>
`,
  )
}

/** A camera's sign of life: a loss of video that is none. */
export function heartbeat(sender: Sender, at: Date): Payload {
  const { type, body } = cameraEvent(sender, at, 'videoloss', '', 0)
  return { type, body: Buffer.from(body.toString().replace('>active<', '>inactive<')) }
}

/** An event with its pictures, framed as access terminals and cameras do. */
export function withPictures(
  { type, body }: Payload,
  pictures: readonly { name: string; jpeg: Buffer }[],
  { boundary = 'MIME_boundary', name = 'event_log' } = {},
): Payload {
  const part = (disposition: string, partType: string, content: Buffer) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\nContent-Type: ${partType}\r\nContent-Length: ${content.length}\r\n\r\n`,
    ),
    content,
    Buffer.from('\r\n'),
  ]
  const parts = [
    ...part(`name="${name}"`, type, body),
    ...pictures.flatMap((picture) =>
      part(`name="${picture.name}";filename="${picture.name}.jpg";`, 'image/jpeg', picture.jpeg),
    ),
    Buffer.from(`--${boundary}--\r\n`),
  ]
  return { type: `multipart/form-data;boundary=${boundary}`, body: Buffer.concat(parts) }
}

// --- internal ---

/** `2026-01-31T08:00:00+01:00` */
function deviceTime(at: Date, offset = 60): string {
  const two = (number: number) => String(Math.abs(number)).padStart(2, '0')
  const local = new Date(at.getTime() + offset * 60_000).toISOString().slice(0, 19)
  return `${local}${offset < 0 ? '-' : '+'}${two(Math.trunc(offset / 60))}:${two(offset % 60)}`
}
