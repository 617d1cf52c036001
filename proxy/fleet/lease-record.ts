import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { inNetworks, parseAddress, parseNetwork } from '../address.ts'
import { readAnnouncement } from '../config/announcement-schema.ts'
import { parseTarget } from '../upstreams/connection-pool.ts'
import type { Lease } from '../upstreams/leases/leases.ts'
import { isPlaceWord } from '../upstreams/leases/place.ts'

/**
 * A lease as proxies tell each other of it. Of an address that only its own machine can reach, it says which machine
 * that is: 127.0.0.1 of one is a stranger's port on another.
 */
export function writeRecord(lease: Lease): string {
  const { upstream, key, id, url, ttl, weight, state, metadata, by, announcedAt, saidAt, suspect } = lease
  const words = { upstream, key, id, url, ttl, weight, state, metadata, by, announcedAt, saidAt }
  return JSON.stringify({ ...words, suspect: suspect || undefined, reach: reachOf(url) })
}

/**
 * Undefined if it is none, or none that can be reached from here. Whoever may write to Redis could name any target,
 * so it is held to the same form as an announcement, and its address to the same networks.
 */
export function readRecord(text: string, via: string): (Lease & { via: string }) | undefined {
  const record = parse(text)
  if (record === undefined) return undefined
  const { upstream, key, id, by, announcedAt, saidAt, suspect, reach, ttl, ...words } = record
  const read = readAnnouncement({ ...words, ttl: `${Number(ttl)}ms` })
  if ('faults' in read || !isName(upstream) || !isWord(id) || !(key === undefined || isWord(key)))
    return undefined
  const { announcement } = read
  if (reach !== reachOf(announcement.url)) return undefined
  return {
    upstream,
    key,
    id,
    ...announcement,
    by: String(by),
    announcedAt: Number(announcedAt),
    // A clock that runs ahead must not make an old word the last one for ever.
    saidAt: Math.min(Number(saidAt) || 0, Date.now()),
    renewedAt: 0,
    suspect: suspect === true,
    via,
  }
}

// --- internal ---

const loopback = ['127.0.0.0/8', '::1'].map(parseNetwork)

/** Undefined if every machine can reach it. */
function reachOf(url: string): string | undefined {
  const { socketPath, host } = parseTarget(url)
  if (socketPath !== undefined) return machine.files
  const address = parseAddress(host)
  const isLocal = host === 'localhost' || (address !== undefined && inNetworks(address, loopback))
  return isLocal ? machine.loopback : undefined
}

/** Containers of one machine have their own loopback, or their own files, or neither. */
const machine = { loopback: `${boot()} ${namespace('net')}`, files: `${boot()} ${namespace('mnt')}` }

function boot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return hostname()
  }
}

function namespace(kind: 'net' | 'mnt'): string {
  try {
    return readlinkSync(`/proc/self/ns/${kind}`)
  } catch {
    return kind
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && isPlaceWord(value)
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(value)
}
