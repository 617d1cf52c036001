import { createPace } from './pace.ts'
import { matchesAny } from './unknown-names.ts'

/** Hosts that come by themselves: a client names one, somebody is asked whether it is one, and it gets a certificate. */
export interface OnDemand {
  /** A client asked for that name. Answers nothing; `onChange` is called if it is taken up. */
  named(host: string): void
  /** Asks about one that is wanted already, before it is renewed. Whoever cannot be asked has not said no. */
  isStillWanted(host: string): Promise<boolean>
  /** Hosts that were taken up, those of `had` included. */
  hosts(): string[]
}

export interface OnDemandSettings {
  readonly hosts: readonly string[]
  /** Address that is asked; 2xx is yes. */
  readonly ask: string
  /** New hosts within a minute, and at all. */
  readonly perMinute: number
  readonly most: number
  /** What has a certificate from before. */
  readonly had: readonly string[]
  onChange(): void
  onTrouble(sentence: string): void
  onAsked(result: 'allowed' | 'denied' | 'failed'): void
}

/** Milliseconds. */
const askLimit = 5_000
const noHoldsFor = 5 * 60_000
/** A name that was refused is not asked about again for a while. Of more names the oldest are forgotten. */
const mostRefused = 10_000
/** What names that somebody made up may cost whoever is asked. */
const asksPerMinute = 120
const asksAtOnce = 4

export function createOnDemand(settings: OnDemandSettings): OnDemand {
  const { hosts, ask, perMinute, most, onChange, onTrouble, onAsked } = settings
  const wanted = new Set(settings.had.filter((host) => matchesAny(hosts, host)))
  const refused = new Map<string, number>()
  const asks = createPace(asksPerMinute)
  const orders = createPace(perMinute)
  const asking = new Set<string>()

  function refuse(host: string): void {
    refused.delete(host)
    refused.set(host, Date.now() + noHoldsFor)
    const oldest = refused.keys().next().value
    if (refused.size > mostRefused && oldest !== undefined) refused.delete(oldest)
  }

  /** Undefined: there was no answer. */
  async function askAbout(host: string): Promise<boolean | undefined> {
    const address = new URL(ask)
    address.searchParams.set('domain', host)
    try {
      const { ok, body } = await fetch(address, {
        // A redirect is no yes, and must not lead us elsewhere.
        redirect: 'manual',
        signal: AbortSignal.timeout(askLimit),
      })
      await body?.cancel()
      onAsked(ok ? 'allowed' : 'denied')
      return ok
    } catch (error) {
      onAsked('failed')
      const { cause, message } = error as Error
      onTrouble(
        `nobody says whether a host may have a certificate: ${address.host} cannot be asked (${(cause as Error)?.message ?? message})`,
      )
      return undefined
    }
  }

  async function decide(host: string): Promise<void> {
    asking.add(host)
    const isAllowed = await askAbout(host)
    asking.delete(host)
    if (isAllowed === false) refuse(host)
    if (!isAllowed || wanted.size >= most || !orders.spend()) return
    wanted.add(host)
    onChange()
  }

  return {
    named(host) {
      // What a worker says was said by a client.
      if (wanted.has(host) || asking.has(host) || !matchesAny(hosts, host)) return
      if ((refused.get(host) ?? 0) > Date.now()) return
      if (asking.size >= asksAtOnce || wanted.size >= most || !asks.spend()) return
      void decide(host)
    },
    async isStillWanted(host) {
      if (!matchesAny(hosts, host)) return true
      if ((await askAbout(host)) !== false) return true
      wanted.delete(host)
      refuse(host)
      onChange()
      return false
    },
    hosts: () => [...wanted],
  }
}
