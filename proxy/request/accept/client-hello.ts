import type { Socket } from 'node:net'

/** What is read of a ClientHello before it is answered (RFC 8446 §4.1.2): the protocols that it offers (RFC 7301). */
export type ClientHello =
  | { readonly state: 'incomplete' }
  /** Whoever ends TLS shall say what is wrong with it. */
  | { readonly state: 'unreadable' }
  | { readonly state: 'complete'; readonly protocols: readonly string[] }

/** Bytes. Those of browsers have two thousand at most; what is longer is not looked at. */
const longest = 16_384

/** Never throws, whatever the bytes are. */
export function parseClientHello(bytes: Buffer): ClientHello {
  const fragments: Buffer[] = []
  let needed = handshakeHead
  let have = 0
  for (let at = 0; have < needed; ) {
    if (at > longest) return unreadable
    if (bytes.length < at + recordHead) return incomplete
    const length = bytes.readUInt16BE(at + 3)
    if (bytes[at] !== handshakeRecord || bytes[at + 1] !== 3 || length === 0) return unreadable
    const fragment = bytes.subarray(at + recordHead, at + recordHead + length)
    fragments.push(fragment)
    have += fragment.length
    at += recordHead + length
    const message = Buffer.concat(fragments)
    if (have >= handshakeHead) {
      if (message[0] !== clientHello) return unreadable
      needed = handshakeHead + message.readUIntBE(1, 3)
      if (needed > longest) return unreadable
    }
    if (have < needed && bytes.length < at) return incomplete
  }
  try {
    return { state: 'complete', protocols: protocolsOf(Buffer.concat(fragments).subarray(0, needed)) }
  } catch {
    return unreadable
  }
}

/**
 * Reads the ClientHello off a fresh socket and leaves every byte of it for the next reader. The socket is paused when
 * `done` is called. Time is bounded by whoever watches opening connections.
 */
export function peekClientHello(socket: Socket, done: (hello: ClientHello) => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  const finish = (hello: ClientHello): void => {
    socket.off('data', onData)
    socket.off('end', onEnd)
    socket.pause()
    if (bytes.length > 0) socket.unshift(bytes)
    done(hello)
  }
  const onEnd = (): void => finish(unreadable)
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const hello = parseClientHello(bytes)
    if (hello.state !== 'incomplete') finish(hello)
  }
  socket.on('data', onData)
  socket.on('end', onEnd)
}

// --- internal ---

const incomplete: ClientHello = { state: 'incomplete' }
const unreadable: ClientHello = { state: 'unreadable' }
const recordHead = 5
const handshakeHead = 4
const handshakeRecord = 22
const clientHello = 1
const alpnExtension = 16

/** Throws a RangeError where a length leads beyond the end. */
function protocolsOf(message: Buffer): string[] {
  let at = handshakeHead + 2 + 32
  at += 1 + message.readUInt8(at)
  at += 2 + message.readUInt16BE(at)
  at += 1 + message.readUInt8(at)
  const protocols: string[] = []
  // TLS 1.2 may come without any extension.
  if (at === message.length) return protocols
  const end = at + 2 + message.readUInt16BE(at)
  if (end !== message.length) throw new RangeError('the extensions do not end with the message')
  for (at += 2; at < end; ) {
    const type = message.readUInt16BE(at)
    const next = at + 4 + message.readUInt16BE(at + 2)
    if (next > end) throw new RangeError('an extension is longer than the message')
    if (type === alpnExtension)
      for (let name = at + 6; name < next; name += 1 + message.readUInt8(name))
        protocols.push(message.toString('latin1', name + 1, name + 1 + message.readUInt8(name)))
    at = next
  }
  return protocols
}
