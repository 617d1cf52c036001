import { randomBytes } from 'node:crypto'

/** 16 bytes of name, 16 of HMAC key, 16 of AES key: what Node and OpenSSL take as one. */
export const ticketKeySize = 48

/** How long one key seals tickets. Whoever steals it can read the sessions of that time, so it is short. Milliseconds. */
export const ticketKeyLifetime = 12 * 3_600_000

/** A new key for session tickets. Every worker needs the same one, or a client resumes on one in N. */
export function createTicketKeys(): Buffer {
  return randomBytes(ticketKeySize)
}

/** Reads a key that came through a message between processes. Throws if it is not one. */
export function readTicketKeys(text: string): Buffer {
  const keys = Buffer.from(text, 'base64')
  if (keys.length !== ticketKeySize)
    throw new Error(`ticket keys: expected ${ticketKeySize} bytes in base64, got ${keys.length}`)
  return keys
}

export interface TicketKeyRotation {
  /** The key of now. A worker that starts later is given this one. */
  current(): Buffer
  /** Makes a new key at once, and tells it. Tickets of the old one end in a full handshake, nothing worse. */
  rotate(): void
  /** Takes a key that others have made, for another lifetime. */
  adopt(keys: Buffer): void
  stop(): void
}

/**
 * Held by the primary: makes the first key and a new one every `lifetime` milliseconds, and tells each new one
 * to `distribute`. The first is not told; hand it to workers as they start, with `current()`.
 */
export function rotateTicketKeys(
  distribute: (keys: Buffer) => void,
  lifetime = ticketKeyLifetime,
): TicketKeyRotation {
  let keys = createTicketKeys()
  const adopt = (others: Buffer): void => {
    keys = others
    timer.refresh()
    distribute(keys)
  }
  const rotate = (): void => adopt(createTicketKeys())
  const timer = setInterval(rotate, lifetime)
  timer.unref()
  return { current: () => keys, rotate, adopt, stop: () => clearInterval(timer) }
}
