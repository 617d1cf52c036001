import type { Readable } from 'node:stream'

/** A request to an upstream. Framing is not among the fields: it follows from `length`. */
export interface UpstreamRequest {
  readonly method: string
  /** Path and query, as they are sent. */
  readonly path: string
  /** name, value, name, value. */
  readonly headers: readonly string[]
  readonly body: Readable | undefined
  /** Bytes of the body, or `chunked`, or `none`. */
  readonly framing: number | 'chunked' | 'none'
  /** A WebSocket handshake: the upstream may switch protocols. Has no body. */
  readonly upgrade?: boolean
  /** Milliseconds until the head of the response, and between bytes of either body. */
  readonly responseTimeout: number
  readonly idleTimeout: number
}

/** A request that cannot be written as it is. */
class UnwritableRequest extends Error {
  readonly code = 'UPSTREAM_UNWRITABLE'
}

/**
 * The head of a request as one string. A CR or LF that reached this point would end a field and begin a
 * request of somebody's choosing, so it is looked for once more, whoever should have looked before.
 */
export function headText({ method, path, headers, framing }: UpstreamRequest): string {
  let text = `${method} ${path} HTTP/1.1\r\n`
  if (unwritable.test(path) || path.includes(' '))
    throw new UnwritableRequest('a path with a blank or a control character')
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] as string
    if (unwritable.test(value)) throw new UnwritableRequest(`a control character in ${headers[i]}`)
    text += `${headers[i]}: ${value}\r\n`
  }
  if (framing === 'chunked') return `${text}Transfer-Encoding: chunked\r\n\r\n`
  if (typeof framing === 'number') return `${text}Content-Length: ${framing}\r\n\r\n`
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
    ? `${text}Content-Length: 0\r\n\r\n`
    : `${text}\r\n`
}

const unwritable = /[^\t\x20-\x7e\x80-\xff]/
