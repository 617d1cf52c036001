import type { Announcement } from '../../config/announcement-schema.ts'
import { nameOf, type Place } from './place.ts'

/** A target that a service announced, and that ends unless it is renewed. Times are Unix milliseconds. */
export interface Lease extends Place, Announcement {
  /** The token by which it was announced last, for the audit log. */
  by: string
  readonly announcedAt: number
  /** When it said what it says now. Of two proxies that it spoke to, the later word counts. */
  saidAt: number
  /** The last heartbeat that was heard here. 0: none was, it speaks to another proxy. */
  renewedAt: number
  /** The proxy that it speaks to, if that is another one: there it is renewed, and there it ends. */
  via?: string
  /**
   * A heartbeat is overdue, or nobody has announced it since a restart. It is asked whether it still answers: if so,
   * it may be late by one more ttl before it is gone.
   */
  suspect: boolean
}

export type LeaseEvent = 'registered' | 'changed' | 'renewed' | 'suspect' | 'left' | 'ended'

export interface LeasesSettings {
  now(): number
  /** Milliseconds of a clock that nobody sets. */
  steady?(): number
  /** Told of everything but a renewal of what was well: that is a heartbeat, and changes nothing. */
  changed(lease: Lease, event: Exclude<LeaseEvent, 'renewed'> | 'back', reason?: string): void
}

/** Who announced themselves. It knows no sockets and no timers: `sweep` is called by a clock. */
export interface Leases {
  /** Registers and renews, by the same call. */
  put(place: Place, announcement: Announcement, by: string): 'registered' | 'changed' | 'renewed'
  /** A heartbeat in the same words as before. Answers false if there is no such lease. */
  renew(name: string): boolean
  /** Answers false if there is no such lease. `ended`: not by its own wish. */
  remove(name: string, event: 'left' | 'ended', reason: string): boolean
  /** Takes up leases of before a restart. They are suspect until they are renewed. */
  restore(leases: Iterable<Lease>): void
  /** Takes up what another proxy says, unless what was said here is later. */
  adopt(lease: Lease & { via: string }): void
  /** The proxy that they spoke to is gone: they are suspect until they are renewed, here or elsewhere. */
  orphan(via: string): void
  /** Finds out who is overdue and who is gone. */
  sweep(): void
  get(name: string): Lease | undefined
  all(): Iterable<Lease>
  readonly size: number
}

/** Milliseconds by which the two clocks may drift apart between two sweeps before one was set. */
const drift = 1_000

export function createLeases({ now, steady = () => performance.now(), changed }: LeasesSettings): Leases {
  const leases = new Map<string, Lease>()
  let swept = { at: now(), steadily: steady() }

  /**
   * Somebody set the clock: heartbeats that were heard before move with it. Otherwise all services would be gone at
   * once when it jumps ahead, and dead ones would stay when it jumps back.
   */
  function followClock(): void {
    const current = { at: now(), steadily: steady() }
    const passed = current.steadily - swept.steadily
    const jump = current.at - swept.at - passed
    swept = current
    if (Math.abs(jump) < drift) return
    const heardSince = (time: number): boolean => time >= current.at - passed && time <= current.at
    for (const lease of leases.values())
      if (lease.renewedAt > 0 && !heardSince(lease.renewedAt)) lease.renewedAt += jump
  }

  function renewed(lease: Lease): void {
    lease.renewedAt = now()
    if (lease.suspect) takeBack(lease)
  }

  /** Whoever doubted it, it was heard here. */
  function takeBack(lease: Lease): void {
    Object.assign(lease, { suspect: false, via: undefined, saidAt: now() })
    changed(lease, 'back')
  }

  function remove(name: string, event: 'left' | 'ended', reason: string): boolean {
    const lease = leases.get(name)
    if (lease === undefined) return false
    leases.delete(name)
    changed(lease, event, reason)
    return true
  }

  return {
    put({ upstream, key, id }, announcement, by) {
      const name = nameOf({ upstream, key, id })
      const before = leases.get(name)
      if (before !== undefined && isSame(before, announcement)) {
        renewed(before)
        return 'renewed'
      }
      const time = now()
      const announcedAt = before?.announcedAt ?? time
      const times = { announcedAt, saidAt: time, renewedAt: time }
      const lease = { upstream, key, id, ...announcement, by, ...times, suspect: false }
      leases.set(name, lease)
      const event = before === undefined ? 'registered' : 'changed'
      changed(lease, event)
      return event
    },
    renew(name) {
      const lease = leases.get(name)
      if (lease === undefined) return false
      renewed(lease)
      return true
    },
    remove,
    restore(entries) {
      for (const lease of entries) {
        const restored = { ...lease, via: undefined, renewedAt: now() - lease.ttl, suspect: true }
        leases.set(nameOf(lease), restored)
        changed(restored, 'suspect', 'not announced again since the restart')
      }
    },
    adopt(lease) {
      const name = nameOf(lease)
      const before = leases.get(name)
      if (before && !before.suspect && before.via !== lease.via && before.saidAt >= lease.saidAt) return
      if (before && lease.suspect && now() - before.renewedAt < before.ttl) return takeBack(before)
      const adopted = { ...lease, renewedAt: before?.renewedAt ?? 0 }
      leases.set(name, adopted)
      if (before === undefined) changed(adopted, 'registered')
      else if (adopted.suspect) changed(adopted, 'suspect', 'a heartbeat to another proxy is overdue')
      else if (before.suspect) changed(adopted, 'back')
      else if (before.via === undefined || !isSame(before, lease)) changed(adopted, 'changed')
    },
    orphan(via) {
      for (const lease of leases.values()) {
        if (lease.via !== via) continue
        if (now() - lease.renewedAt < lease.ttl) takeBack(lease)
        else {
          Object.assign(lease, { via: undefined, suspect: true, renewedAt: now() - lease.ttl })
          changed(lease, 'suspect', 'the proxy that it spoke to is gone')
        }
      }
    },
    sweep() {
      followClock()
      const time = now()
      for (const [name, lease] of leases) {
        if (lease.via !== undefined) continue
        const late = time - lease.renewedAt - lease.ttl
        if (late < 0) continue
        if (late >= lease.ttl) remove(name, 'ended', 'the lease was not renewed')
        else if (!lease.suspect) {
          lease.suspect = true
          changed(lease, 'suspect', 'a heartbeat is overdue')
        }
      }
    },
    get: (name) => leases.get(name),
    all: () => leases.values(),
    get size() {
      return leases.size
    },
  }
}

function isSame(lease: Lease, { url, ttl, weight, state, metadata, headers }: Announcement): boolean {
  return (
    lease.url === url &&
    lease.ttl === ttl &&
    lease.weight === weight &&
    lease.state === state &&
    JSON.stringify(lease.metadata) === JSON.stringify(metadata) &&
    JSON.stringify(lease.headers ?? {}) === JSON.stringify(headers)
  )
}
