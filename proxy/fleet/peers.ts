import type { Lease } from '../upstreams/leases/leases.ts'
import type { FleetKey } from './fleet-key.ts'
import { readRecord } from './lease-record.ts'
import type { FleetNews } from './news-wire.ts'
import { sequenceField } from './own-list.ts'
import type { Redis } from './redis.ts'

/** The other proxies of the fleet, and what they say of the leases that they hold. */
export interface Peers {
  readonly size: number
  heard(news: FleetNews): void
  /** Reads the list of a proxy, whether or not it was heard of: at the start. */
  read(id: string): Promise<void>
  /** Lets go of those that have been silent, of the time that they could be heard. `since`: milliseconds. */
  forgetSilent(since: number): void
}

export interface PeersSettings {
  readonly redis: () => Redis
  readonly key: FleetKey
  keyOf(id: string): string
  now(): number
  /** `whole`: what is not among them has ended. */
  told(told: {
    via: string
    put: readonly (Lease & { via: string })[]
    gone: readonly string[]
    whole: boolean
  }): void
  left(name: string, at: number): void
  lost(id: string): void
  /** A record that no proxy of this fleet can have written. */
  unsealed(id: string): void
}

interface Peer {
  /** Up to which of its changes it is known. */
  sequence: number | undefined
  heardAt: number
  reading: Promise<void> | undefined
}

/** Many proxies may find at one moment that they have missed something. Milliseconds. */
const readWithin = 300
/** Silent for so long, it is gone. Milliseconds. */
const lostAfter = 10_000

export function createPeers(settings: PeersSettings): Peers {
  const { redis, key, keyOf, now, told, left, lost, unsealed } = settings
  const peers = new Map<string, Peer>()

  function peerOf(id: string): Peer {
    const peer = peers.get(id) ?? { sequence: undefined, heardAt: 0, reading: undefined }
    peers.set(id, peer)
    peer.heardAt = now()
    return peer
  }

  function readAll(id: string, records: Readonly<Record<string, string>>): (Lease & { via: string })[] {
    return Object.entries(records).flatMap(([name, sealed]) => {
      const text = key.open(`${id} ${name}`, sealed)
      if (text === undefined) unsealed(id)
      const lease = text === undefined ? undefined : readRecord(text, id)
      return lease ?? []
    })
  }

  async function readList(id: string, peer: Peer): Promise<void> {
    const list = listOf(await redis().call('HGETALL', keyOf(id)))
    const { [sequenceField]: sequence, ...records } = list
    // It is being written, or has gone with its Redis: its proxy will write it, and say so.
    if (sequence === undefined) return
    peer.sequence = Number(sequence)
    told({ via: id, put: readAll(id, records), gone: [], whole: true })
  }

  function catchUp(id: string, peer: Peer): void {
    peer.reading ??= new Promise<void>((resolve) => setTimeout(resolve, Math.random() * readWithin).unref())
      .then(() => readList(id, peer))
      .catch(() => {})
      .finally(() => {
        peer.reading = undefined
      })
  }

  return {
    get size() {
      return peers.size
    },
    heard(news) {
      const { from: id, sequence } = news
      const peer = peerOf(id)
      if (news.kind === 'leases') {
        for (const [name, at] of Object.entries(news.left)) left(name, Number(at))
        if (sequence === (peer.sequence ?? Number.NaN) + 1 && peer.reading === undefined) {
          peer.sequence = sequence
          return told({ via: id, put: readAll(id, news.put), gone: news.gone, whole: false })
        }
      }
      if (sequence !== peer.sequence) catchUp(id, peer)
    },
    async read(id) {
      const peer = peerOf(id)
      await readList(id, peer)
      // Nobody wrote it for a minute.
      if (peer.sequence === undefined) peers.delete(id)
    },
    forgetSilent(since) {
      for (const [id, { heardAt }] of peers) {
        if (now() - Math.max(heardAt, since) < lostAfter) continue
        peers.delete(id)
        lost(id)
      }
    },
  }
}

/** A reply of HGETALL: flat, or as a block, as the protocol has it. */
function listOf(reply: unknown): Record<string, string> {
  if (!Array.isArray(reply)) return { ...(reply as Record<string, string>) }
  const list: Record<string, string> = {}
  for (let at = 0; at + 1 < reply.length; at += 2) list[String(reply[at])] = String(reply[at + 1])
  return list
}
