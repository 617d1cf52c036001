import { X509Certificate } from 'node:crypto'
import type { IssuedPair } from './authority.ts'
import { AcmeFault } from './fault.ts'
import { issuedFileOf, keepIssued, pemOf } from './issued.ts'
import { readKept } from './kept-file.ts'

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
  /** Another machine has got something. */
  lookAgain(): void
  status(): AutomaticStatus[]
  /** Sentences about hosts that have no certificate, or one that will end before it is renewed. */
  warnings(): string[]
  close(): Promise<void>
}

/** Other machines that serve the same hosts: one of them orders, and all have what came of it. Never rejects. */
export interface Companions {
  /** Tells them of what is here, if it is the newer. Answers what they have, if that is. PEM, as it stands in its file. */
  exchange(host: string, own: string | undefined): Promise<string | undefined>
  /**
   * Whose it is to order now. `isUrgent`: there is no certificate, or not for long. Ours it stays until `issued`, `failed`
   * or `letGo` is called.
   */
  turn(host: string, isUrgent: boolean): Promise<Turn>
  issued(host: string, pem: string): Promise<void>
  failed(host: string, trouble: Trouble): Promise<void>
  letGo(host: string): Promise<void>
}

export interface Turn {
  readonly isOurs: boolean
  /** When to ask again, Unix milliseconds. */
  readonly again: number
  /** What went wrong when one of them tried last. */
  readonly trouble: Trouble | undefined
}

export interface Trouble {
  readonly failures: number
  readonly reason: string
  readonly mend: string
  /** Nobody shall order before: Unix milliseconds. */
  readonly next: number
}

export interface AutomaticSettings {
  /** Absolute. */
  readonly storage: string
  readonly renewBefore: number | undefined
  order(host: string): Promise<IssuedPair>
  readonly companions?: Companions
  /** A certificate has come; `renewed`: in the place of another. */
  onIssued(host: string, how: { readonly renewed: boolean; readonly ordered: boolean }): void
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
  const { storage, renewBefore, order, companions = alone, onIssued, onFailure } = settings
  const hosts = new Map<string, Kept>()
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let working: Promise<void> = Promise.resolve()

  /** What is on disk decides: another proxy, or a person, may have put a newer one there. */
  async function look(kept: Kept): Promise<void> {
    const before = kept.span?.notAfter ?? 0
    kept.pem = await readKept(issuedFileOf(storage, kept.host)).catch(() => undefined)
    kept.span = kept.pem === undefined ? undefined : spanOf(kept.pem)
    if (kept.span === undefined) return
    if (kept.trouble !== undefined && kept.span.notAfter <= before) return
    kept.trouble = undefined
    const { notBefore, notAfter } = kept.span
    kept.next = notAfter - (renewBefore ?? (notAfter - notBefore) / 3)
  }

  /** Answers whether another machine has a newer one, which is here by then. */
  async function exchange(kept: Kept): Promise<boolean> {
    kept.exchangedAt = Date.now()
    const pem = await companions.exchange(kept.host, kept.pem)
    if (pem === undefined || closed) return false
    const renewed = kept.span !== undefined
    await keepIssued(storage, kept.host, pem)
    await look(kept)
    onIssued(kept.host, { renewed, ordered: false })
    return true
  }

  async function workOff(): Promise<void> {
    for (const kept of hosts.values()) {
      await look(kept)
      const isSettled = kept.next > Date.now() && kept.trouble === undefined
      if (!isSettled || kept.exchangedAt < Date.now() - lookEvery) await exchange(kept)
      if (closed) return
      if (kept.next > Date.now()) continue
      const { isOurs, again, trouble } = await companions.turn(kept.host, isUrgent(kept))
      kept.trouble = trouble ?? kept.trouble
      if (!isOurs) kept.next = again
      // Another may have got it, and let go, a moment before it became our turn.
      else if (await exchange(kept)) await companions.letGo(kept.host)
      else {
        await renew(kept)
        await new Promise((resolve) => setTimeout(resolve, pauseBetween))
      }
    }
  }

  async function renew(kept: Kept): Promise<void> {
    const { host } = kept
    try {
      const pem = pemOf(await order(host))
      await keepIssued(storage, host, pem)
      await companions.issued(host, pem)
      const renewed = kept.span !== undefined
      kept.trouble = undefined
      await look(kept)
      if (!closed) onIssued(host, { renewed, ordered: true })
    } catch (error) {
      const fault = AcmeFault.from(error)
      const failures = kept.trouble?.failures ?? 0
      const pause = Math.max(fault.retryAfter ?? 0, Math.min(longestRetry, firstRetry * 2 ** failures))
      // Uneven, so that machines do not come back at one moment.
      kept.next = Date.now() + pause * (0.9 + 0.2 * Math.random())
      kept.trouble = { failures: failures + 1, reason: fault.message, mend: fault.mend, next: kept.next }
      await companions.failed(host, kept.trouble)
      if (!closed) onFailure(host, fault, kept.next)
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
            exchangedAt: 0,
            pem: undefined,
            span: undefined,
            trouble: undefined,
          })
      plan(0)
    },
    lookAgain() {
      for (const kept of hosts.values()) kept.exchangedAt = 0
      plan(0)
    },
    status: () =>
      Array.from(hosts.values(), ({ host, span, next, trouble }) => {
        const state = trouble !== undefined ? 'failing' : span === undefined ? 'wanted' : 'issued'
        const { failures = 0, reason, mend } = trouble ?? {}
        return { host, state, notAfter: span?.notAfter, next, failures, reason, mend }
      }),
    warnings: () =>
      [...hosts.values()].flatMap(({ host, span, trouble }) => {
        if (trouble === undefined) return []
        const ends =
          span === undefined ? 'has none' : `ends on ${new Date(span.notAfter).toISOString().slice(0, 10)}`
        return [`the certificate of ${host} (${ends}) cannot be got: ${trouble.reason}; ${trouble.mend}`]
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
  /** When it is ordered, Unix milliseconds. */
  next: number
  exchangedAt: number
  /** What is on disk. */
  pem: string | undefined
  span: Span | undefined
  trouble: Trouble | undefined
}

/** Unix milliseconds. */
interface Span {
  readonly notBefore: number
  readonly notAfter: number
}

const alone: Companions = {
  exchange: async () => undefined,
  turn: async () => ({ isOurs: true, again: 0, trouble: undefined }),
  issued: async () => {},
  failed: async () => {},
  letGo: async () => {},
}

/** In the last tenth of its life. */
function isUrgent({ span }: Kept): boolean {
  return span === undefined || span.notAfter - Date.now() < (span.notAfter - span.notBefore) / 10
}

function spanOf(pem: string): Span | undefined {
  try {
    const { validFromDate, validToDate } = new X509Certificate(pem)
    return { notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() }
  } catch {
    return undefined
  }
}
