import { callerOf, pathOf } from './admin-call.ts'

/**
 * Tells a Gatehouse where a service is, for as long as it is there. It uses nothing of the proxy but its address, as
 * a service in any other language would.
 */
export interface Announcement {
  /** The upstream of routes.yaml that this service is, or is one of. */
  readonly upstream: string
  /** Of a keyed upstream: which pool. */
  readonly key?: string
  /** What this instance is called among the others of its pool. The same after a restart, if it can be. Default: `main`. */
  readonly id?: string
  /** Where the proxy reaches it: `http://127.0.0.1:3000`, `https://…`, or `unix:/…/app.sock`. */
  readonly url: string
  /** Milliseconds without a heartbeat after which it counts as gone. Default: 30,000. */
  readonly ttl?: number
  /** Its share beside other instances. Default: 1. */
  readonly weight?: number
  /** Shown to operators. */
  readonly metadata?: Readonly<Record<string, string | number | boolean>>
  /** Fields that the proxy sets on each request to it, such as credentials that its users are not to know. */
  readonly headers?: Readonly<Record<string, string>>
  /** The admin listener: `http://127.0.0.1:9901` (the default), or `unix:/…/admin.sock`. */
  readonly admin?: string
  /** From `gatehouse token`. */
  readonly token: string
  /** Told of what goes wrong, once until it goes right again. Default: a line on standard error. */
  onTrouble?(sentence: string): void
}

export interface Announced {
  /** `announcing` until the proxy has heard it, and again while it is away. */
  state(): 'announcing' | 'announced' | 'draining' | 'left'
  /** Resolves when the proxy has heard it for the first time. */
  readonly heard: Promise<void>
  /** Asks for nothing new, and goes on to say that it lives. What is under way may end. */
  draining(): Promise<void>
  /** Says nothing more, and leaves the lease to run out, or to whoever takes it up under the same name. */
  pause(): void
  /** Ends the lease. Resolves when the proxy knows, or does not answer. */
  leave(): Promise<void>
}

/** Milliseconds. */
const firstRetry = 200
const longestRetry = 5_000

/** Announces a service at once, and again and again until it leaves. A proxy that is away is waited for. */
export function announce(announcement: Announcement): Announced {
  const { ttl = 30_000, weight = 1, metadata = {}, headers, url } = announcement
  const onTrouble = announcement.onTrouble ?? ((sentence) => process.stderr.write(`${sentence}\n`))
  const ask = callerOf(announcement)
  const path = pathOf(announcement)
  const heard = Promise.withResolvers<void>()
  let state: 'ready' | 'draining' | 'left' = 'ready'
  let isPaused = false
  let isHeard = false
  let failures = 0
  let timer: NodeJS.Timeout | undefined
  let underway: Promise<void> = Promise.resolve()

  async function beat(): Promise<void> {
    clearTimeout(timer)
    if (state === 'left' || isPaused) return
    const { fault } = await ask(
      'PUT',
      path,
      JSON.stringify({ url, ttl: `${ttl}ms`, weight, state, metadata, headers }),
    )
    isHeard = fault === undefined
    if (fault === undefined) {
      failures = 0
      heard.resolve()
    } else if (failures++ === 0) onTrouble(`${nameOf(announcement)} cannot be announced: ${fault}`)
    const pause = isHeard ? ttl / 3 : Math.min(longestRetry, firstRetry * 2 ** (failures - 1))
    // Uneven, so that many services do not come back at one moment after the proxy was away.
    if (state !== ('left' as typeof state) && !isPaused)
      timer = setTimeout(() => void beatNow(), pause * (0.8 + 0.4 * Math.random()))
  }

  /** One after the other: an old word must not arrive after a new one. */
  function beatNow(): Promise<void> {
    underway = underway.then(beat)
    return underway
  }

  void beatNow()
  return {
    state: () => (state === 'ready' ? (isHeard ? 'announced' : 'announcing') : state),
    heard: heard.promise,
    draining() {
      if (state === 'ready') state = 'draining'
      return beatNow()
    },
    pause() {
      isPaused = true
      clearTimeout(timer)
    },
    async leave() {
      if (state === 'left') return underway
      state = 'left'
      clearTimeout(timer)
      underway = underway.then(() => ask('DELETE', path)).then(() => undefined)
      return underway
    },
  }
}

/** Ends a lease that another process may have left behind. Resolves when the proxy knows, or does not answer. */
export async function withdraw(
  lease: Pick<Announcement, 'upstream' | 'key' | 'id' | 'admin' | 'token'>,
): Promise<void> {
  await callerOf(lease)('DELETE', pathOf(lease))
}

// --- internal ---

function nameOf({ upstream, key, id = 'main' }: Announcement): string {
  return [upstream, key, id].filter(Boolean).join('/')
}
