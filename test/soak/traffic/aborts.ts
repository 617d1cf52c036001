import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { rawConnect } from '../../harness/raw-request.ts'
import { upgradeHead } from '../../harness/websocket.ts'
import { between, pick } from '../chance.ts'
import type { Kind, World } from '../world.ts'

/** Clients that leave, in each phase of an exchange, cleanly or by a reset. Nothing is due but that nothing is kept. */
export const aborts: readonly Kind[] = [
  {
    name: 'aborts',
    copies: 4,
    pause: 60,
    async turn(world) {
      const leave = pick(phases)
      await leave(world)
      world.tally.right(this.name)
    },
  },
]

type Leave = (world: World) => Promise<void>

const host = 'Host: localhost\r\n'

/** Sends that over TLS, and leaves a little later. */
const after =
  (...pieces: string[]): Leave =>
  async ({ gatehouse }) => {
    const { socket, plain } = await open(gatehouse)
    for (const piece of pieces) {
      plain.write(piece, 'latin1')
      await sleep(between(0, 30))
    }
    await leave(socket)
  }

const phases: readonly Leave[] = [
  // Before TLS, and within its handshake.
  async ({ gatehouse }) => leave(await rawConnect(gatehouse.https)),
  async ({ gatehouse }) => {
    const socket = await rawConnect(gatehouse.https)
    socket.write(Buffer.from('1603010200010001fc0303', 'hex'))
    await sleep(between(0, 30))
    await leave(socket)
  },
  // Nothing said, half a head, no body, half a body in both framings.
  after(),
  after('GET /api/x HT'),
  after(`POST /upload/digest HTTP/1.1\r\n${host}Content-Length: 100000\r\n\r\n`),
  after(`POST /upload/digest HTTP/1.1\r\n${host}Content-Length: 100000\r\n\r\n`, 'x'.repeat(50_000)),
  after(`POST /upload/digest HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`, '5\r\nhello\r\n'),
  after(`POST /upload/digest HTTP/1.1\r\n${host}Content-Length: 9\r\nExpect: 100-continue\r\n\r\n`),
  // While the answer is waited for, in the midst of it, and with more requests behind it.
  after(`GET /api/slow/300 HTTP/1.1\r\n${host}\r\n`),
  after(`GET /api/body/1/1000000 HTTP/1.1\r\n${host}\r\n`),
  after(
    `GET /api/a HTTP/1.1\r\n${host}\r\nGET /api/slow/200 HTTP/1.1\r\n${host}\r\nGET /api/b HTTP/1.1\r\n${host}\r\n`,
  ),
  after(`GET /events/events/20/50 HTTP/1.1\r\n${host}\r\n`),
  // Towards upstreams that do not answer well.
  after(`GET /lying/x HTTP/1.1\r\n${host}\r\n`),
  after(`GET /flapping HTTP/1.1\r\n${host}\r\n`),
  // A handshake that is pending, and a tunnel that is open.
  after(upgradeHead('/tunnel', 'localhost')),
  after(upgradeHead('/tunnel', 'localhost'), '\x81\x85\0\0\0\0hello'),
  after(upgradeHead('/lying', 'localhost')),
  // No HTTP at all.
  after('\x16\x03\x01 what is this\r\n\r\n'),
  resetStreams,
  dropSession,
]

/** The TCP socket, because a TLS socket cannot be reset, and what is spoken over it. */
async function open({ https }: World['gatehouse']): Promise<{ socket: Socket; plain: TLSSocket }> {
  const socket = await rawConnect(https)
  const plain = connectTls({ socket, servername: 'localhost', rejectUnauthorized: false })
  plain.on('error', () => {})
  await Promise.race([once(plain, 'secureConnect'), once(socket, 'close')])
  return { socket, plain }
}

async function leave(socket: Socket): Promise<void> {
  const manner = between(1, 3)
  if (manner === 1) socket.resetAndDestroy()
  else if (manner === 2) socket.destroy()
  else {
    socket.end()
    await sleep(50)
    socket.destroy()
  }
}

async function resetStreams({ gatehouse }: World): Promise<void> {
  const session = openSession(gatehouse)
  const streams = ['/api/slow/300', '/api/body/1/1000000', '/events/events/20/50', '/upload/digest'].map(
    (path) => session.request({ ':path': path, ':method': path === '/upload/digest' ? 'POST' : 'GET' }),
  )
  for (const stream of streams) stream.on('error', () => {})
  await sleep(between(0, 60))
  for (const stream of streams) stream.close(pick([0, 2, 8]))
  await sleep(between(0, 60))
  session.destroy()
}

async function dropSession({ gatehouse }: World): Promise<void> {
  const session = openSession(gatehouse)
  for (let i = between(0, 10); i > 0; i--)
    session
      .request({ ':path': pick(['/api/slow/200', '/api/body/1/500000', '/flapping', '/lying/x']) })
      .on('error', () => {})
      .resume()
  await sleep(between(0, 60))
  session.destroy()
}

function openSession({ https, ca }: World['gatehouse']): ClientHttp2Session {
  return connectHttp2(`https://127.0.0.1:${https}`, { ca, servername: 'localhost' }).on('error', () => {})
}
