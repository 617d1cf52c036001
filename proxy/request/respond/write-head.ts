import { type ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { GatehouseError } from '../../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { ResponseHead, ResponseHeaders } from '../policies/policy.ts'

/**
 * A field that cannot be written, for instance one with a line break, was set by a policy: what an upstream says
 * has been looked at. Its route answers 500, and that page goes out without the field.
 */
export function writeHead(exchange: Exchange, { status, headers }: ResponseHead): void {
  try {
    write(exchange, status, headers)
  } catch (error) {
    const { response } = exchange
    // Over HTTP/2 those before it may have been taken already, and would stand on the page as well.
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    if (exchange.errorCode === undefined)
      throw new GatehouseError('internal', `a policy set a field that cannot be sent: ${String(error)}`, {
        cause: error,
      })
    for (const name in headers) if (!isWritable(name, headers[name])) delete headers[name]
    write(exchange, status, headers)
  }
}

function write({ request, response, matched }: Exchange, status: number, headers: ResponseHeaders): void {
  // Middleware may have set fields on the response, and may read them from it.
  if ('stream' in request && matched?.middleware === undefined)
    writeToStream(response as Http2ServerResponse, status, headers)
  else (response as ServerResponse).writeHead(status, headers)
}

/**
 * As `writeHead` of Node's HTTP/2 response does, which looks at each field twice and copies all of them into two hash tables
 * on their way to the stream: a tenth of a request with 25 fields. What is checked is what the stream checks, and it
 * waits for trailers likewise, so that a response that is cut short never ends as if it were whole.
 */
function writeToStream(response: Http2ServerResponse, status: number, headers: ResponseHeaders): void {
  const { stream } = response
  if (stream.destroyed || stream.closed) return
  const pairs: string[] = [':status', String(status)]
  for (const name in headers) {
    const value = headers[name]
    if (Array.isArray(value)) for (const one of value) pairs.push(name, one)
    else if (value === undefined) throw new TypeError(`"${name}" has no value`)
    else pairs.push(name, value)
  }
  response.statusCode = status
  stream.respond(pairs, { waitForTrailers: true })
}

function isWritable(name: string, value: string | string[] | undefined): boolean {
  try {
    validateHeaderName(name)
    for (const one of [value].flat()) validateHeaderValue(name, one as string)
    return true
  } catch {
    return false
  }
}
