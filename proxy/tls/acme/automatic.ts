import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { IssuedPair } from './authority.ts'
import { AcmeFault } from './fault.ts'
import { issuedFileOf, keepIssued } from './issued.ts'

/** How it is with the certificate of one host. */
export interface AutomaticStatus {
  readonly host: string
  readonly state: 'issued' | 'wanted' | 'failing'
  /** Unix milliseconds. */
  readonly notAfter: number | undefined
  readonly next: number
  readonly failures: number
  /** Of the last failure: what the authority said, and what to do about it. */
  readonly reason: string | undefined
  readonly mend: string | undefined
}

/** Certificates that are ordered and renewed by themselves. One process of a machine has it. */
export interface Automatic {
  /** Other hosts, after a reload. What is no longer wanted is left as it is, and not renewed. */
  want(hosts: readonly string[]): void
  status(): AutomaticStatus[]
  /** Sentences about hosts that have no certificate, or one that will end before it is renewed. */
  warnings(): string[]
  close(): Promise<void>
}

export interface AutomaticSettings {
  /** Absolute. */
  readonly storage: string
  readonly renewBefore: number | undefined
  order(host: string): Promise<IssuedPair>
  /** Answers whether this machine shall order for that host now: one of a fleet does. Default: it shall. */
  mayOrder?(host: string): Promise<boolean>
  /** A certificate has come; `renewed`: in the place of another. */
  onIssued(host: string, renewed: boolean): void
  onFailure(host: string, fault: AcmeFault, again: number): void
}

/** Milliseconds. */
const minute = 60_000
const hour = 60 * minute
/** Between two orders of one machine: a table of a hundred hosts is not a flood. */
const pauseBetween = 1_000
const firstRetry = minute
const longestRetry = 12 * hour
const lookEvery = 10 * minute

export function startAutomatic(settings: AutomaticSettings): Automatic {
  const { storage, renewBefore, order, mayOrder, onIssued, onFailure } = settings
  const hosts = new Map<string, Kept>()
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let working: Promise<void> = Promise.resolve()

  /** What is on disk decides: another proxy, or a person, may have put a newer one there. */
  async function look(kept: Kept): Promise<void> {
    const span = await spanOf(issuedFileOf(storage, kept.host))
    kept.notAfter = span?.notAfter
    if (kept.failures > 0) return
    if (span === undefined) kept.next = 0
    else kept.next = span.notAfter - (renewBefore ?? (span.notAfter - span.notBefore) / 3)
  }

  async function workOff(): Promise<void> {
    for (const kept of hosts.values()) {
      await look(kept)
      if (closed || kept.next > Date.now()) continue
      if (mayOrder !== undefined && !(await mayOrder(kept.host))) {
        kept.next = Date.now() + minute
        continue
      }
      await renew(kept)
      await new Promise((resolve) => setTimeout(resolve, pauseBetween))
    }
  }

  async function renew(kept: Kept): Promise<void> {
    try {
      const pair = await order(kept.host)
      await keepIssued(storage, kept.host, pair)
      const renewed = kept.notAfter !== undefined
      Object.assign(kept, { failures: 0, reason: undefined, mend: undefined })
      await look(kept)
      if (!closed) onIssued(kept.host, renewed)
    } catch (error) {
      const fault = AcmeFault.from(error)
      const pause = Math.max(fault.retryAfter ?? 0, Math.min(longestRetry, firstRetry * 2 ** kept.failures))
      // Uneven, so that a fleet does not come back at one moment.
      kept.next = Date.now() + pause * (0.9 + 0.2 * Math.random())
      kept.failures++
      kept.reason = fault.message
      kept.mend = fault.mend
      if (!closed) onFailure(kept.host, fault, kept.next)
    }
  }

  function plan(after: number): void {
    clearTimeout(timer)
    if (closed) return
    timer = setTimeout(() => {
      working = working.then(workOff).catch(() => {})
      void working.then(() => plan(nextLook()))
    }, after)
    timer.unref()
  }

  function nextLook(): number {
    const next = Math.min(...[...hosts.values()].map((kept) => kept.next), Date.now() + lookEvery)
    return Math.max(pauseBetween, next - Date.now())
  }

  return {
    want(wanted) {
      for (const host of hosts.keys()) if (!wanted.includes(host)) hosts.delete(host)
      for (const host of wanted)
        if (!hosts.has(host))
          hosts.set(host, {
            host,
            next: 0,
            failures: 0,
            notAfter: undefined,
            reason: undefined,
            mend: undefined,
          })
      plan(0)
    },
    status: () =>
      Array.from(hosts.values(), ({ host, notAfter, next, failures, reason, mend }) => {
        const state = failures > 0 ? 'failing' : notAfter === undefined ? 'wanted' : 'issued'
        return { host, state, notAfter, next, failures, reason, mend }
      }),
    warnings: () =>
      [...hosts.values()].flatMap(({ host, notAfter, reason, mend, failures }) => {
        if (failures === 0) return []
        const ends =
          notAfter === undefined ? 'has none' : `ends on ${new Date(notAfter).toISOString().slice(0, 10)}`
        return [`the certificate of ${host} (${ends}) cannot be got: ${reason}; ${mend}`]
      }),
    async close() {
      closed = true
      clearTimeout(timer)
      await Promise.race([working, new Promise((resolve) => setTimeout(resolve, 1_000).unref())])
    },
  }
}

// --- internal ---

interface Kept {
  readonly host: string
  notAfter: number | undefined
  /** When it is ordered, Unix milliseconds. */
  next: number
  failures: number
  reason: string | undefined
  mend: string | undefined
}

async function spanOf(file: string): Promise<{ notBefore: number; notAfter: number } | undefined> {
  try {
    const { validFromDate, validToDate } = new X509Certificate(await readFile(file))
    return { notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() }
  } catch {
    return undefined
  }
}
