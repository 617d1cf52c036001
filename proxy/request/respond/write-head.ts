import { type ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import { GatehouseError } from '../../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { ResponseHead } from '../policies/policy.ts'

/**
 * A field that cannot be written, for instance one with a line break, was set by a policy: what an upstream says
 * has been looked at. Its route answers 500, and that page goes out without the field.
 */
export function writeHead(exchange: Exchange, { status, headers }: ResponseHead): void {
  const response = exchange.response as ServerResponse
  try {
    response.writeHead(status, headers)
  } catch (error) {
    // Over HTTP/2 those before it have been taken already, and would stand on the page as well.
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    if (exchange.errorCode === undefined)
      throw new GatehouseError('internal', `a policy set a field that cannot be sent: ${String(error)}`, {
        cause: error,
      })
    for (const name in headers) if (!isWritable(name, headers[name])) delete headers[name]
    response.writeHead(status, headers)
  }
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
