import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { closeServer, trackConnections } from '../harness/upstream.ts'
import type { Lane } from './server-process.ts'

/** A request as it arrived at the upstream, byte for byte. Texts are latin1. */
export interface Arrived {
  /** How many have arrived at this upstream up to it. The answer carries it. */
  readonly number: number
  readonly method: string
  readonly target: string
  /** First line and fields, without the empty line. */
  readonly head: string
  readonly framing: 'none' | 'chunked' | number
  body: string
  /** Its body came to its end, as framed. */
  whole: boolean
  /** Bytes behind a handshake that was answered with 101. */
  tunnel: string
}

export interface Recorder {
  readonly port: number
  /** In the order of their heads. Tests take them out. */
  readonly arrived: Arrived[]
  /** Called when a head is in, before anything is answered. */
  onHead: (arrived: Arrived) => void
}

/** A lane through a proxy, and the upstream behind it that nothing else uses. */
export interface RecordedLane extends Lane {
  readonly recorder: Recorder
}

/**
 * An upstream that reads requests by a reader of its own, knows nothing of the proxy in front, and answers each
 * with 200 and its number among all. What it cannot read it records as method `?` and hangs up on. A WebSocket
 * handshake for `/ws` is answered with 101.
 */
export async function startRecorder(t: Teardown): Promise<Recorder> {
  const recorder = { port: 0, arrived: [] as Arrived[], onHead: (_: Arrived) => {} }
  let count = 0
  const server = createServer((socket) => {
    let pending = ''
    let current: Arrived | undefined
    socket.on('data', (bytes: Buffer) => {
      pending += bytes.toString('latin1')
      for (;;) {
        if (current !== undefined && switched(current)) {
          current.tunnel += pending
          pending = ''
          return
        }
        if (current === undefined) {
          const end = pending.indexOf('\r\n\r\n')
          if (end === -1) return
          current = { number: ++count, ...readHead(pending.slice(0, end)) }
          pending = pending.slice(end + 4)
          recorder.arrived.push(current)
          recorder.onHead(current)
          if (current.method === '?') return void socket.destroy()
          if (/\r\nexpect:[ \t]*100-continue/i.test(current.head))
            socket.write('HTTP/1.1 100 Continue\r\n\r\n')
        }
        const used = readBody(current, pending)
        pending = pending.slice(used)
        if (!current.whole) return
        answer(socket, current)
        if (switched(current)) continue
        current = undefined
        if (pending === '') return
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const open = trackConnections(server)
  onEnd(t, () => closeServer(server, open))
  recorder.port = (server.address() as AddressInfo).port
  return recorder
}

function readHead(head: string): Omit<Arrived, 'number'> {
  const [first = '', ...fields] = head.split('\r\n')
  const found = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP\/1\.[01]$/.exec(first)
  const valuesOf = (name: string) =>
    fields
      .filter((line) => line.toLowerCase().startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).trim())
  const codings = valuesOf('transfer-encoding')
  const lengths = valuesOf('content-length')
  const clear = codings.length + lengths.length <= 1 && (codings[0] ?? 'chunked').toLowerCase() === 'chunked'
  const readable = found !== null && clear && /^\d*$/.test(lengths[0] ?? '')
  return {
    method: readable ? (found[1] as string) : '?',
    target: found?.[2] ?? first,
    head,
    framing: codings.length > 0 ? 'chunked' : lengths.length > 0 ? Number(lengths[0]) : 'none',
    body: '',
    whole: false,
    tunnel: '',
  }
}

/** Takes what there is of the body and answers how many bytes it used. */
function readBody(request: Arrived, bytes: string): number {
  if (request.framing !== 'chunked') {
    const left = (request.framing === 'none' ? 0 : request.framing) - request.body.length
    request.body += bytes.slice(0, left)
    request.whole = bytes.length >= left
    return Math.min(bytes.length, left)
  }
  let at = 0
  for (;;) {
    const size = /^([0-9A-Fa-f]+)[^\r\n]*\r\n/.exec(bytes.slice(at))
    if (size === null) return at
    const length = Number.parseInt(size[1] as string, 16)
    const from = at + size[0].length
    if (length === 0) {
      const end = bytes.startsWith('\r\n', from) ? from + 2 : bytes.indexOf('\r\n\r\n', from) + 4
      if (end < from + 2) return at
      request.whole = true
      return end
    }
    if (bytes.length < from + length + 2) return at
    request.body += bytes.slice(from, from + length)
    at = from + length + 2
  }
}

function switched({ head, target, whole }: Arrived): boolean {
  return whole && /^\/ws$/.test(target) && /\r\nupgrade:[ \t]*websocket/i.test(head)
}

function answer(socket: Socket, request: Arrived): void {
  if (switched(request))
    return void socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
    )
  const text = `answer ${request.number};`
  const body = request.method === 'HEAD' ? '' : text
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${body}`)
}
