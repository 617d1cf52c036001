import { randomBytes } from 'node:crypto'
import { ticketKeyLifetime, ticketKeySize } from '../tls/ticket-keys.ts'
import type { FleetKey } from './fleet-key.ts'
import type { Redis } from './redis.ts'

/**
 * Session ticket keys of the whole fleet: a TLS session that began with one proxy goes on with another. Redis holds
 * a random number that ends with the key's life, and the key is made of it and of what only the proxies know, so
 * nobody who reads Redis can read a session. Answers how to look for another key.
 */
export function shareTicketKeys({
  redis,
  prefix,
  key,
  adopt,
}: {
  redis: () => Redis
  prefix: string
  key: FleetKey
  adopt(keys: Buffer): void
}): () => Promise<void> {
  const place = `${prefix}tickets`
  let taken: string | undefined
  let takenUntil = 0
  return async function look() {
    let salt = await redis().call('GET', place)
    if (salt === null) {
      // Its time is over, or Redis forgot it. Whoever is first says it for all.
      const left = takenUntil - Date.now()
      const said = taken !== undefined && left > 0 ? taken : randomBytes(32).toString('base64')
      await redis().call('SET', place, said, 'NX', 'PX', left > 0 ? left : ticketKeyLifetime)
      salt = await redis().call('GET', place)
    }
    if (typeof salt !== 'string' || salt === taken) return
    taken = salt
    takenUntil = Date.now() + Number(await redis().call('PTTL', place))
    adopt(key.derive(Buffer.from(salt, 'base64'), ticketKeySize))
  }
}
