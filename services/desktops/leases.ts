import { type Announced, announce, withdraw } from '../shared/announce.ts'
import type { Logger } from '../shared/logger.ts'

/** Where the proxy sends those who ask for a desktop. */
export interface Leases {
  /** To the desktop. Resolves when the proxy has heard it, or has not within a few seconds. */
  open(key: string, url: string, headers: Record<string, string>): Promise<void>
  isOpen(key: string): boolean
  /** To this service, which says what is the matter with it. `waitingHeader` tells such a request from others. */
  wait(key: string): Promise<void>
  /** Nowhere: there is no such desktop. */
  close(key: string): Promise<void>
  /** Says nothing more. Those of desktops hold on until they run out: desktops live on while the service restarts. */
  stop(): Promise<void>
}

/** Set by the proxy on what is meant for a desktop and comes here because that is not there. */
export const waitingHeader = 'X-Desktop-Waiting'

export interface LeasesSettings {
  readonly admin: string | undefined
  readonly token: string | undefined
  /** Of this service, as the proxy reaches it. */
  readonly ownUrl: string
  readonly log: Logger
}

/** Milliseconds. A service that restarts is back before a lease is doubted. */
const ttl = 60_000
const patience = 3_000

interface Held {
  readonly url: string
  readonly headers: string
  readonly announced: Announced
}

export function createLeases({ admin, token, ownUrl, log }: LeasesSettings): Leases {
  const open = new Map<string, Held>()
  const waiting = new Map<string, Held>()

  function hold(
    all: Map<string, Held>,
    key: string,
    id: string,
    url: string,
    headers: Record<string, string>,
  ): void {
    const known = all.get(key)
    const words = JSON.stringify(headers)
    if (token === undefined || (known?.url === url && known.headers === words)) return
    // Nothing more of the old one: the new one takes its place under the same name, without a gap.
    known?.announced.pause()
    const announced = announce({
      upstream: 'desktop',
      key,
      id,
      url,
      headers,
      admin,
      token,
      ttl,
      onTrouble: (reason) => log.warn('a desktop cannot be announced', { key, reason }),
    })
    all.set(key, { url, headers: words, announced })
  }

  async function drop(all: Map<string, Held>, key: string): Promise<void> {
    const held = all.get(key)
    all.delete(key)
    await held?.announced.leave()
  }

  const heard = (all: Map<string, Held>, key: string): Promise<unknown> => {
    const held = all.get(key)
    return held === undefined
      ? Promise.resolve()
      : Promise.race([held.announced.heard, new Promise((done) => setTimeout(done, patience).unref())])
  }

  return {
    async open(key, url, headers) {
      hold(open, key, 'main', url, headers)
      await heard(open, key)
      await drop(waiting, key)
    },
    isOpen: (key) => token === undefined || open.has(key),
    async wait(key) {
      if (waiting.has(key) && !open.has(key)) return
      // A service that was killed may have left it, and its port may be given to another desktop.
      if (!open.has(key) && token !== undefined)
        await withdraw({ upstream: 'desktop', key, id: 'main', admin, token })
      hold(waiting, key, 'waiting', ownUrl, { [waitingHeader]: '1' })
      await heard(waiting, key)
      await drop(open, key)
    },
    async close(key) {
      await Promise.all([drop(open, key), drop(waiting, key)])
    },
    async stop() {
      for (const { announced } of open.values()) announced.pause()
      await Promise.all([...waiting.keys()].map((key) => drop(waiting, key)))
    },
  }
}
