import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { GatehouseError } from '../../errors.ts'
import { type ChunkReader, createChunkReader } from './chunk-reader.ts'
import {
  mostHeadBytes,
  ProtocolFault,
  type ReceivedFields,
  type ReceivedHead,
  readHead,
  refuseOtherProtocols,
} from './received-head.ts'
import { headText, type UpstreamRequest } from './request-head.ts'

/** What comes back. `onStart` follows `onWait`; exactly one of `onEnd`, `onSwitch` and `onFailure` is last. */
export interface ResponseHandler {
  /** There is no connection yet. `cancel` gives the wait up; `onFailure` then says so. */
  onWait(cancel: (error: Error) => void): void
  /** A connection is there, and nothing has been sent on it. */
  onStart(flow: Flow): void
  onInterim(status: number, headers: ReceivedFields): void
  /** The fields that end at this hop are not among the headers. */
  onHead(status: number, headers: ReceivedFields): void
  /** A part of the body. Its bytes are overwritten later: what is kept is copied. `last`: `onEnd` comes at once. */
  onBody(chunk: Buffer, last: boolean): void
  /** All that has come was handed on, and the response is not whole: what comes next may come in an hour. */
  onLull(): void
  onEnd(trailers: ReceivedFields): void
  /** The upstream speaks the protocol that was asked for; `early` is what it has said in it. The socket is the handler's. */
  onSwitch(headers: ReceivedFields, socket: Socket, early: Buffer): void
  onFailure(error: Error): void
}

/** The way of one exchange through its connection. */
export interface Flow {
  pause(): void
  resume(): void
  /** The response may last for hours, so its connection takes no place of those that requests share. */
  stepAside(): void
  /** Ends the exchange and its connection. Does nothing once the exchange has ended. */
  abort(error: Error): void
}

/** What becomes of a connection when its exchange has ended, or steps aside. */
export interface Whereabouts {
  onIdle(connection: Connection): void
  onAside(connection: Connection): void
}

/** The upstream said nothing for too long. */
class ResponseTimeout extends Error {
  readonly code: 'UPSTREAM_NO_RESPONSE' | 'UPSTREAM_IDLE'
  constructor(code: ResponseTimeout['code'], limit: number) {
    super(code === 'UPSTREAM_IDLE' ? `no byte for ${limit} ms` : `no response within ${limit} ms`)
    this.name = 'ResponseTimeout'
    this.code = code
  }
}

/**
 * One HTTP/1.1 connection to a target, with one exchange at a time.
 *
 * It exists for speed: it writes a request as one string and reads a response head as one, and hands the body
 * on where it was read. What it reads is checked more strictly than Node's parser does.
 */
export class Connection {
  readonly #socket: Socket
  readonly #whereabouts: Whereabouts
  readonly #letGo: () => void
  #turn: Turn | undefined
  /** What has come of a head that is not whole yet. */
  #begun: Buffer | undefined
  /** When an exchange, or an idle connection, has taken too long. By `performance.now()`, which nobody sets. */
  deadline = Number.POSITIVE_INFINITY
  /** Milliseconds for which the upstream keeps it when idle, if it said so. */
  keptFor: number | undefined

  constructor(socket: Socket, whereabouts: Whereabouts) {
    this.#socket = socket
    this.#whereabouts = whereabouts
    const heard = {
      data: (bytes: Buffer) => this.read(bytes),
      end: () => this.#ended(),
      error: (error: Error) => this.fail(error),
      close: () => this.fail(new Error('the upstream closed the connection')),
    }
    for (const [event, listener] of Object.entries(heard)) socket.on(event, listener)
    this.#letGo = () => {
      for (const [event, listener] of Object.entries(heard)) socket.off(event, listener)
    }
  }

  get usable(): boolean {
    return this.#turn === undefined && this.#socket.writable && !this.#socket.destroyed
  }

  /** Sends a request. The connection must be usable. */
  send(request: UpstreamRequest, handler: ResponseHandler): void {
    const turn = new Turn(this, this.#socket, request, handler)
    this.#turn = turn
    this.#expect(turn)
    handler.onStart(turn)
    // The client may have left by then.
    if (this.#turn !== turn) return
    try {
      this.#socket.write(headText(request), 'latin1')
    } catch (error) {
      return this.fail(error as Error)
    }
    if (request.body !== undefined) this.#sendBody(turn, request.body)
  }

  /**
   * The deadline has passed. A client that does not read is not the upstream's fault, so a pause stops the clock;
   * nor is one that does not send the rest of its body.
   */
  expire(): void {
    const turn = this.#turn
    if (turn === undefined) return void this.#socket.destroy()
    const { responseTimeout, idleTimeout } = turn.request
    if (turn.paused) this.deadline = performance.now() + idleTimeout
    else if (turn.head !== undefined) this.fail(new ResponseTimeout('UPSTREAM_IDLE', idleTimeout))
    else if (turn.owes) this.fail(new ResponseTimeout('UPSTREAM_NO_RESPONSE', responseTimeout))
    else this.fail(new GatehouseError('request_timeout', `no byte of the body for ${idleTimeout} ms`))
  }

  /** Ends the connection, and the exchange on it if there is one. */
  fail(error: Error): void {
    const turn = this.#turn
    this.#turn = undefined
    this.#socket.destroy()
    if (turn === undefined) return
    turn.request.body?.destroy()
    turn.handler.onFailure(error)
  }

  stepAside(): void {
    this.#whereabouts.onAside(this)
  }

  isFor(turn: Turn): boolean {
    return this.#turn === turn
  }

  /** Takes what the upstream said. The bytes may be overwritten afterwards. */
  read(bytes: Buffer): void {
    let left = bytes
    try {
      while (left.length > 0) {
        const turn = this.#turn
        // Nobody asked. What it says now would be taken for the answer to the next request.
        if (turn === undefined) return void this.#socket.destroy()
        left = turn.head === undefined ? this.#readHead(turn, left) : this.#readBody(turn, turn.head, left)
      }
      const turn = this.#turn
      if (turn?.head === undefined) return
      this.#expect(turn)
      turn.handler.onLull()
    } catch (error) {
      this.fail(error as Error)
    }
  }

  #readHead(turn: Turn, bytes: Buffer): Buffer {
    const known = this.#begun === undefined ? bytes : Buffer.concat([this.#begun, bytes])
    const end = known.indexOf(emptyLine)
    if ((end === -1 ? known.length : end) > mostHeadBytes)
      throw new ProtocolFault(`a response head of more than ${mostHeadBytes} bytes`)
    this.#begun = end !== -1 ? undefined : known === bytes ? Buffer.from(bytes) : known
    if (end === -1) {
      refuseOtherProtocols(known)
      return nothing
    }
    const head = readHead(known.toString('latin1', 0, end), turn.request.method)
    const rest = known.subarray(end + emptyLine.length)
    if (head.status === 101) this.#switch(turn, head, Buffer.from(rest))
    else if (head.status < 200) turn.handler.onInterim(head.status, head.headers)
    else this.#begin(turn, head)
    return head.status === 101 ? nothing : rest
  }

  #switch(turn: Turn, { headers, upgrade }: ReceivedHead, early: Buffer): void {
    if (turn.request.upgrade !== true) throw new ProtocolFault('a switch of protocols that nobody asked for')
    if (upgrade?.toLowerCase() !== 'websocket') throw new ProtocolFault(`a switch to ${upgrade}`)
    turn.handler.onSwitch(headers, this.#socket, early)
    this.#turn = undefined
    this.deadline = Number.POSITIVE_INFINITY
    this.#letGo()
  }

  #begin(turn: Turn, head: ReceivedHead): void {
    turn.head = head
    if (typeof head.framing === 'number') turn.left = head.framing
    if (head.framing === 'chunked')
      turn.chunks = createChunkReader((chunk) => this.isFor(turn) && turn.handler.onBody(chunk, false))
    turn.handler.onHead(head.status, head.headers)
    if (head.framing === 'none' || head.framing === 0) this.#finish(turn, noTrailers)
  }

  #readBody(turn: Turn, head: ReceivedHead, bytes: Buffer): Buffer {
    if (turn.chunks !== undefined) {
      const used = turn.chunks.feed(bytes, 0)
      if (used === -1 || !this.isFor(turn)) return nothing
      this.#finish(turn, turn.chunks.trailers)
      return bytes.subarray(used)
    }
    if (head.framing === 'close') {
      turn.handler.onBody(bytes, false)
      return nothing
    }
    const body = bytes.length > turn.left ? bytes.subarray(0, turn.left) : bytes
    turn.left -= body.length
    turn.handler.onBody(body, turn.left === 0)
    if (turn.left === 0 && this.isFor(turn)) this.#finish(turn, noTrailers)
    return bytes.subarray(body.length)
  }

  #finish(turn: Turn, trailers: ReceivedFields): void {
    if (!this.isFor(turn)) return
    this.#turn = undefined
    this.keptFor = turn.head?.keptFor
    if (!turn.sent) turn.request.body?.destroy()
    turn.handler.onEnd(trailers)
    if (turn.paused) this.#socket.resume()
    if (turn.sent && turn.head?.reusable && this.usable) this.#whereabouts.onIdle(this)
    else this.#socket.destroy()
  }

  /** Only a body that ends with the connection may end this way. */
  #ended(): void {
    const turn = this.#turn
    if (turn?.head?.framing === 'close') this.#finish(turn, noTrailers)
    else
      this.fail(
        new Error(
          turn?.head
            ? 'the upstream closed the connection in the middle of its response'
            : 'the upstream closed the connection',
        ),
      )
  }

  /** From now on, whoever has to act next has its time for it. */
  #expect(turn: Turn): void {
    const { responseTimeout, idleTimeout } = turn.request
    this.deadline = performance.now() + (turn.head === undefined && turn.owes ? responseTimeout : idleTimeout)
  }

  #sendBody(turn: Turn, body: Readable): void {
    const { framing } = turn.request
    let sent = 0
    body.on('data', (chunk: Buffer) => {
      if (!this.isFor(turn)) return
      sent += chunk.length
      if (typeof framing === 'number' && sent > framing)
        return this.fail(new Error('a body longer than its Content-Length'))
      // A chunk as large as the high-water mark is answered with "wait" even when it has left already.
      turn.blocked = !this.#write(chunk, framing === 'chunked') && this.#socket.writableLength > 0
      this.#expect(turn)
      if (!turn.blocked) return
      body.pause()
      this.#socket.once('drain', () => {
        turn.blocked = false
        if (this.isFor(turn)) this.#expect(turn)
        body.resume()
      })
    })
    body.once('end', () => {
      if (!this.isFor(turn)) return
      if (typeof framing === 'number' && sent < framing)
        return this.fail(new Error('a body shorter than its Content-Length'))
      if (framing === 'chunked') this.#socket.write('0\r\n\r\n', 'latin1')
      turn.sent = true
      this.#expect(turn)
    })
    body.once('error', (error) => this.isFor(turn) && this.fail(error))
    body.once(
      'close',
      () => this.isFor(turn) && !turn.sent && this.fail(new Error('the body ended before it was whole')),
    )
  }

  #write(chunk: Buffer, chunked: boolean): boolean {
    if (!chunked) return this.#socket.write(chunk)
    if (chunk.length === 0) return true
    this.#socket.cork()
    this.#socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    this.#socket.write(chunk)
    const more = this.#socket.write('\r\n', 'latin1')
    this.#socket.uncork()
    return more
  }
}

/** One exchange on a connection. It lets go of the connection when it has ended, so that nothing late reaches the next. */
class Turn implements Flow {
  readonly request: UpstreamRequest
  readonly handler: ResponseHandler
  readonly #connection: Connection
  readonly #socket: Socket
  head: ReceivedHead | undefined
  chunks: ChunkReader | undefined
  left = 0
  sent: boolean
  /** The upstream does not take what has come of the body. */
  blocked = false
  paused = false

  constructor(connection: Connection, socket: Socket, request: UpstreamRequest, handler: ResponseHandler) {
    this.#connection = connection
    this.#socket = socket
    this.request = request
    this.handler = handler
    this.sent = request.body === undefined
  }
  /** It is the upstream that has to act next. */
  get owes(): boolean {
    return this.sent || this.blocked
  }
  pause(): void {
    if (!this.#connection.isFor(this)) return
    this.paused = true
    this.#socket.pause()
  }
  resume(): void {
    if (!this.#connection.isFor(this)) return
    this.paused = false
    this.#socket.resume()
  }
  stepAside(): void {
    if (this.#connection.isFor(this)) this.#connection.stepAside()
  }
  abort(error: Error): void {
    if (this.#connection.isFor(this)) this.#connection.fail(error)
  }
}

const nothing = Buffer.alloc(0)
const emptyLine = Buffer.from('\r\n\r\n')
const noTrailers: ReceivedFields = Object.freeze(Object.create(null))
