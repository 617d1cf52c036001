import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { type SimulatedDevice, startDevice } from './device.ts'
import {
  accessEvent,
  cameraEvent,
  heartbeat,
  type Payload,
  plateEvent,
  type Sender,
  withPictures,
} from './payloads.ts'
import { refusal } from './people-store.ts'

const usage = `A Hikvision device that does not exist: it sends events, and answers ISAPI with digest authentication.

  npm run hikvision:device -- --server http://localhost:8080/hikvision/events

  --server URL       where its events go; without it, it sends none
  --interval MS      between events (default 5000); heartbeats come every 10 s
  --port N           where it answers ISAPI (default: a free one)   --host A (default 127.0.0.1)
  --user U           default admin                                  --password P (default device-password)
  --number N         which of many it is: decides its MAC address and serial number (default 1)
  --old              firmware without the calls that both make and change
  --slow MS          waits before each answer
  --busy SHARE       answers that it is busy, so often (0 to 1)
  --refuse-faces     finds the quality of every face too poor
  --json             says what happens as lines of JSON
`

const { values } = parseArgs({
  options: {
    server: { type: 'string' },
    interval: { type: 'string', default: '5000' },
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    user: { type: 'string', default: 'admin' },
    password: { type: 'string', default: 'device-password' },
    number: { type: 'string', default: '1' },
    old: { type: 'boolean', default: false },
    slow: { type: 'string', default: '0' },
    busy: { type: 'string', default: '0' },
    'refuse-faces': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}
const wrong = ['interval', 'port', 'number', 'slow', 'busy'].filter(
  (name) => !(Number(values[name as 'port']) >= 0),
)
if (wrong.length > 0 || (values.server !== undefined && !URL.canParse(values.server))) {
  process.stderr.write(`${wrong.map((name) => `--${name} is not a number. `).join('')}${usage}`)
  process.exit(2)
}

const number = Number(values.number)
const hex = (number % 65_536).toString(16).padStart(4, '0')
const sender: Sender = {
  mac: `02:00:5e:00:${hex.slice(0, 2)}:${hex.slice(2)}`,
  serial: `DS-K1T000-SIM${String(number).padStart(8, '0')}`,
  address: '192.0.2.10',
  name: `Simulated door ${number}`,
}
const device = await startDevice({
  ...sender,
  login: { user: values.user, password: values.password },
  host: values.host,
  port: Number(values.port),
  isOld: values.old,
})
device.faults.slowness = Number(values.slow)
device.faults.instead = (_method, path) => {
  if (Math.random() < Number(values.busy)) return refusal(2, 'deviceBusy', 503)
  return values['refuse-faces'] && /FDSetUp|FaceDataRecord/.test(path)
    ? refusal(4, 'poorFaceQuality')
    : undefined
}
say('answers ISAPI', { url: device.url, user: values.user, mac: sender.mac, serial: sender.serial })
if (values.server !== undefined) sendForEver(device, values.server)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0))

// --- internal ---

function say(what: string, fields: Record<string, unknown>): void {
  const text = Object.entries(fields).map(([name, value]) => ` ${name}=${value}`)
  console.log(values.json ? JSON.stringify({ what, ...fields }) : `${what}${text.join('')}`)
}

function sendForEver({ send }: SimulatedDevice, server: string): void {
  let serialNo = randomInt(1, 90_000)
  const tell = async (name: string, payload: Payload) => {
    const status = await send(server, payload).catch((error: Error) => error.message)
    say('sent', { event: name, status })
  }
  setInterval(() => void tell('heartbeat', heartbeat(sender, new Date())), 10_000)
  setInterval(async () => {
    serialNo += 1
    const [name, payload] = await anyEvent(serialNo)
    await tell(name, payload)
  }, Number(values.interval))
}

const names = ['Ada Lovelace', 'Alan Turing', 'Grace Hopper', 'Katherine Johnson', 'Edsger Dijkstra']

async function anyEvent(serialNo: number): Promise<[string, Payload]> {
  const at = new Date()
  const who = randomInt(names.length)
  const person = { name: names[who], employeeNoString: String(1001 + who), userType: 'normal' }
  const codes = {
    majorEventType: 5,
    serialNo,
    frontSerialNo: serialNo - 1,
    currentEvent: true,
    doorNo: 1,
    cardReaderNo: 1,
  }
  switch (randomInt(6)) {
    case 0:
      return ['door unlocked', accessEvent(sender, at, { ...codes, subEventType: 21 })]
    case 1:
      return [
        'card',
        accessEvent(sender, at, { ...codes, ...person, subEventType: 1, cardNo: `00${1_000_000 + who}` }),
      ]
    case 2:
      return [
        'face refused',
        withPictures(accessEvent(sender, at, { ...codes, subEventType: 76 }), [await face()]),
      ]
    case 3:
      return ['plate', withPictures(plateEvent(sender, at, `GH ${randomInt(100, 999)}`), [await face()])]
    case 4:
      return ['motion', cameraEvent(sender, at, 'VMD')]
    default:
      return [
        'face',
        withPictures(accessEvent(sender, at, { ...codes, ...person, subEventType: 75 }), [await face()]),
      ]
  }
}

/** Nobody's face: a few shapes in another colour each time. */
async function face(): Promise<{ name: string; jpeg: Buffer }> {
  const hue = randomInt(360)
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="400"><rect width="320" height="400" fill="hsl(${hue} 30% 80%)"/>
<ellipse cx="160" cy="180" rx="90" ry="120" fill="hsl(${(hue + 40) % 360} 45% 70%)"/><circle cx="125" cy="160" r="10"/><circle cx="195" cy="160" r="10"/>
<path d="M120 230 q40 40 80 0" fill="none" stroke="#222" stroke-width="6"/></svg>`
  return { name: 'Picture', jpeg: await sharp(Buffer.from(svg)).jpeg().toBuffer() }
}
