import type { IncomingMessage } from 'node:http'

/**
 * The address that a request came from, as the proxy in front saw it: the last entry of X-Forwarded-For is the proxy's
 * own word, those before it are the client's.
 */
export function clientAddress(request: IncomingMessage): string {
  const field = request.headers['x-forwarded-for']
  const said = (Array.isArray(field) ? field.join(',') : (field ?? '')).split(',').at(-1)?.trim()
  const address = said || request.socket.remoteAddress || 'unknown'
  return address.replace(/^::ffff:(?=\d+\.)/, '')
}
