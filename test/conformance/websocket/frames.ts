/** Frames of RFC 6455 §5.2, right or wrong as a case likes. */
export interface FrameOptions {
  fin?: boolean
  /** The three reserved bits, as a number from 0 to 7. */
  reserved?: number
  /** Without one the frame is not masked, which a client may not do. */
  mask?: number | false
  /** Bytes in which the length is written: 1, 2 or 8. Default: as few as do. */
  lengthBytes?: 1 | 2 | 8
}

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export function webSocketFrame(
  code: number,
  payload: string | Buffer = '',
  options: FrameOptions = {},
): Buffer {
  const { fin = true, reserved = 0, mask = 0x37fa213d } = options
  const body = Buffer.from(payload)
  const lengthBytes = options.lengthBytes ?? (body.length < 126 ? 1 : body.length < 65_536 ? 2 : 8)
  const head = Buffer.alloc(1 + (lengthBytes === 1 ? 1 : 1 + lengthBytes) + (mask === false ? 0 : 4))
  head.writeUInt8((fin ? 0x80 : 0) | (reserved << 4) | code, 0)
  head.writeUInt8(
    (mask === false ? 0 : 0x80) | (lengthBytes === 1 ? body.length : lengthBytes === 2 ? 126 : 127),
    1,
  )
  if (lengthBytes === 2) head.writeUInt16BE(body.length, 2)
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(body.length), 2)
  if (mask === false) return Buffer.concat([head, body])
  const key = Buffer.alloc(4)
  key.writeUInt32BE(mask)
  key.copy(head, head.length - 4)
  for (let at = 0; at < body.length; at++) body[at] = (body[at] ?? 0) ^ (key[at % 4] ?? 0)
  return Buffer.concat([head, body])
}

export function closeFrame(status?: number, reason: string | Buffer = ''): Buffer {
  if (status === undefined) return webSocketFrame(opcode.close)
  const code = Buffer.alloc(2)
  code.writeUInt16BE(status)
  return webSocketFrame(opcode.close, Buffer.concat([code, Buffer.from(reason)]))
}
