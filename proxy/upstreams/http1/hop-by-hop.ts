/**
 * Fields that belong to one connection and never pass through (RFC 9110 §7.6.1), in lower case.
 * `trailer` is among them because trailers of requests are dropped with it.
 */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

export function isHopByHop(lowerCaseName: string): boolean {
  return hopByHop.has(lowerCaseName)
}

/**
 * The fields that a Connection field names: they too end here. Read before ours are set, so that a client
 * that sends `Connection: x-forwarded-for` removes only what it sent itself.
 */
export function namedInConnection(connection: string | readonly string[] | undefined): ReadonlySet<string> {
  const said = typeof connection === 'object' ? connection.join(',') : connection
  if (said === undefined || said === '' || said === 'keep-alive' || said === 'close' || said === 'Keep-Alive')
    return none
  const names = new Set<string>()
  for (const token of said.split(',')) names.add(token.trim().toLowerCase())
  return names
}

const none: ReadonlySet<string> = new Set()
