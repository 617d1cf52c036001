import { BlockList, isIP } from 'node:net'
import { type CheckCredentials, credentialsCheck, isSame, type SenderCredentials } from './credentials.ts'
import type { Glance } from './glance.ts'

/** Who may send events. Nothing set: everybody, which suits a network of your own. */
export interface SenderRules {
  /** Addresses and networks. */
  readonly addresses?: readonly string[]
  /** Serial numbers and MAC addresses. */
  readonly serials?: readonly string[]
  /** Path prefixes, `/hikvision/events`. */
  readonly paths?: readonly string[]
  /** A segment that the path has to hold. */
  readonly pathSecret?: string
  readonly credentials?: SenderCredentials
  /** Events a second of one device; it may save up ten seconds. */
  readonly rate?: number
}

export interface Refusal {
  readonly status: 401 | 403 | 404 | 429
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly reason: 'address' | 'path' | 'credentials' | 'device' | 'rate'
  /** For the log. */
  readonly why: string
}

export interface Senders {
  /** What the head of a request tells, before its body is read. */
  refuse(request: {
    from: string
    method: string
    target: string
    authorization: string | undefined
  }): Refusal | undefined
  /** What the body tells at a glance. */
  refuseDevice(from: string, glance: Glance): Refusal | undefined
  /** What the parsed event tells, which a glance could be deceived about. */
  isKnown(mac: string | undefined, serial: string | undefined): boolean
  /** The path without the secret in it: for logs and for people. */
  publicPath(target: string): string
}

export function sendersBy(rules: SenderRules): Senders {
  const { addresses = [], paths = [], pathSecret, rate = 0 } = rules
  const networks = blockListOf(addresses)
  const serials = new Set((rules.serials ?? []).map(plain))
  const check: CheckCredentials | undefined = rules.credentials && credentialsCheck(rules.credentials)
  const isOverRate = rateOf(rate)

  function isKnown(mac: string | undefined, serial: string | undefined): boolean {
    return serials.size === 0 || [mac, serial].some((each) => each !== undefined && serials.has(plain(each)))
  }

  return {
    refuse({ from, method, target, authorization }) {
      if (addresses.length > 0 && !holds(networks, from))
        return refusal(403, 'address', `${from} is not among the addresses that may send`)
      const path = target.split('?', 1)[0] ?? ''
      const segments = path.split('/')
      // Every segment is compared, and all of them in full, so the time does not tell how near a guess was.
      if (pathSecret !== undefined && segments.filter((segment) => isSame(segment, pathSecret)).length === 0)
        return refusal(404, 'path', 'the path does not hold the secret')
      if (paths.length > 0 && !paths.some((prefix) => isBelow(path, prefix)))
        return refusal(404, 'path', 'the path is not among those that may be sent to')
      const challenges = check?.(method, target, authorization)
      if (challenges === undefined) return undefined
      return {
        ...refusal(401, 'credentials', 'no right name and password'),
        headers: { 'WWW-Authenticate': challenges },
      }
    },
    refuseDevice(from, { mac, serial }) {
      if (!isKnown(mac, serial))
        return refusal(403, 'device', `${serial ?? mac ?? 'a device without a name'} is not listed`)
      if (rate > 0 && isOverRate(`${from} ${mac ?? serial ?? ''}`))
        return {
          ...refusal(429, 'rate', 'a device sends faster than it may'),
          headers: { 'Retry-After': '1' },
        }
      return undefined
    },
    isKnown,
    publicPath: (target) => (pathSecret === undefined ? target : target.split(pathSecret).join('[secret]')),
  }
}

/** Throws a sentence if an entry is neither an address nor a network. */
export function blockListOf(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    try {
      if (isIP(address) === 0) throw new Error()
      if (prefix === undefined) list.addAddress(address, family)
      else list.addSubnet(address, /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1, family)
    } catch {
      throw new Error(`"${entry}" is neither an address nor a network such as 192.168.1.0/24`)
    }
  }
  return list
}

export function holds(list: BlockList, address: string): boolean {
  const family = isIP(address)
  return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

// --- internal ---

function refusal(status: Refusal['status'], reason: Refusal['reason'], why: string): Refusal {
  return { status, headers: {}, reason, why }
}

function isBelow(path: string, prefix: string): boolean {
  const base = prefix.replace(/\/$/, '')
  return path === base || path.startsWith(`${base}/`)
}

/** Serial numbers are printed with and without spaces and colons, in either case. */
function plain(text: string): string {
  return text.replace(/[\s:-]/g, '').toLowerCase()
}

/** A bucket for each device. Those that were not heard of for longest are forgotten first. */
function rateOf(rate: number): (device: string) => boolean {
  const [mostDevices, saved] = [20_000, rate * 10]
  const buckets = new Map<string, { level: number; at: number }>()
  return (device) => {
    const now = performance.now()
    const { level, at } = buckets.get(device) ?? { level: saved, at: now }
    const filled = Math.min(saved, level + ((now - at) / 1000) * rate)
    buckets.delete(device)
    buckets.set(device, { level: Math.max(0, filled - 1), at: now })
    for (const oldest of buckets.keys()) {
      if (buckets.size <= mostDevices) break
      buckets.delete(oldest)
    }
    return filled < 1
  }
}
