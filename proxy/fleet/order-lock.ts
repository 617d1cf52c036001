import type { Trouble } from '../tls/acme/automatic.ts'
import type { FleetKey } from './fleet-key.ts'
import type { Redis } from './redis.ts'

/**
 * Who of a fleet orders the certificate of a host: one, until it has it or has failed. What an authority said to one of
 * them holds for all: a fleet that failed in turns would ask as often as it has proxies, and be locked out.
 */
export interface OrderLock {
  /** Whether it is ours now. It stays so until it is let go of, or this process ends. */
  take(host: string): Promise<boolean>
  /** `trouble`: nobody orders before its time. */
  release(host: string, trouble?: Trouble): Promise<void>
  /** What went wrong when one of the fleet tried last. */
  troubleOf(host: string): Promise<Trouble | undefined>
}

/** Milliseconds. Whoever ended in the midst of an order holds up the others for so long. */
const heldFor = 60_000
const prolongEvery = 15_000
/** The count of failures is kept beyond the pause, or each retry would count as the first. */
const rememberedFor = 2 * 24 * 60 * 60_000

export function createOrderLock({
  id,
  prefix,
  redis,
  key,
}: {
  readonly id: string
  readonly prefix: string
  readonly redis: () => Redis
  readonly key: FleetKey
}): OrderLock {
  const held = new Map<string, NodeJS.Timeout>()
  const lockOf = (host: string): string => `${prefix}acme:lock:${host}`
  const troubleAt = (host: string): string => `${prefix}acme:trouble:${host}`

  /** Nothing is done to a lock that has become another's meanwhile. */
  const ifOurs = (host: string, ...command: (string | number)[]): Promise<unknown> =>
    redis().call('EVAL', ifOursScript, 1, lockOf(host), id, ...command)

  async function troubleOf(host: string): Promise<Trouble | undefined> {
    const sealed = await redis().call('GET', troubleAt(host))
    const text = typeof sealed === 'string' ? key.open(`trouble ${host}`, sealed) : undefined
    return text === undefined ? undefined : (JSON.parse(text) as Trouble)
  }

  return {
    troubleOf,
    async take(host) {
      if (held.has(host)) return true
      if ((await redis().call('SET', lockOf(host), id, 'NX', 'PX', heldFor)) === null) return false
      const prolong = setInterval(() => void ifOurs(host, 'PEXPIRE', heldFor).catch(() => {}), prolongEvery)
      held.set(host, prolong.unref())
      return true
    },
    async release(host, trouble) {
      clearInterval(held.get(host))
      held.delete(host)
      if (trouble === undefined) await redis().call('DEL', troubleAt(host))
      else {
        const sealed = key.seal(`trouble ${host}`, JSON.stringify(trouble))
        await redis().call('SET', troubleAt(host), sealed, 'PX', rememberedFor)
      }
      await ifOurs(host, 'DEL')
    },
  }
}

const ifOursScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == 'DEL' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
`
