import http from 'node:http'
import type { Logger } from '../shared/logger.ts'
import type { Audit } from './audit.ts'
import type { Desktop, Desktops } from './desktops.ts'

export interface IdleSettings {
  readonly desktops: Desktops
  readonly audit: Audit
  /** The proxy's admin listener, which tells what is under way. */
  readonly admin: string
  /** Milliseconds; 0: nothing is ever stopped. */
  readonly limit: number
  readonly warning: number
  readonly log: Logger
  poke(id: string): void
}

/**
 * Stops desktops that nobody has had open for a while. A browser that shows one keeps a WebSocket through the proxy, so
 * the proxy knows. While it cannot be asked, or could not be of late, nobody counts as gone.
 */
export function createIdle({ desktops, audit, admin, limit, warning, log, poke }: IdleSettings) {
  let isBlind = false

  return {
    /** When it will be stopped if nobody opens it, once that is near. */
    stopsAt({ wanted, status, activeAt }: Desktop, now = Date.now()): Date | undefined {
      if (limit === 0 || wanted !== 'running' || status !== 'running' || activeAt === null) return undefined
      const at = activeAt.getTime() + limit
      return at - now <= warning ? new Date(at) : undefined
    },
    async look(now = Date.now()): Promise<void> {
      if (limit === 0) return
      const running = (await desktops.all()).filter(
        ({ wanted, status }) => wanted === 'running' && status === 'running',
      )
      if (running.length === 0) return
      const open = await openDesktops(admin).catch((error: Error) => {
        if (!isBlind)
          log.warn('the proxy does not tell who has a desktop open, so none is stopped', {
            reason: error.message,
          })
        return undefined
      })
      const wasBlind = isBlind
      isBlind = open === undefined
      for (const desktop of running) {
        if (open === undefined || wasBlind || open.has(desktop.key)) await desktops.active(desktop.id)
        else if (desktop.activeAt !== null && now - desktop.activeAt.getTime() > limit) await stop(desktop)
      }
    },
  }

  async function stop({ id, key }: Desktop): Promise<void> {
    const minutes = Math.max(1, Math.round(limit / 60_000))
    await desktops.stop(
      id,
      `It was stopped because nobody had it open for ${minutes} min. Your files are kept.`,
    )
    await audit.write('the service', 'stopped, idle', key)
    poke(id)
  }
}

export type Idle = ReturnType<typeof createIdle>

// --- internal ---

/** Milliseconds. */
const answerLimit = 5_000

/** The keys of desktops with a request or a tunnel under way. */
function openDesktops(admin: string): Promise<ReadonlySet<string>> {
  const place = admin.startsWith('unix:') ? { socketPath: admin.slice('unix:'.length) } : urlOf(admin)
  return new Promise((done, fail) => {
    const request = http.get(
      { ...place, path: '/v1/upstreams', headers: { host: 'localhost' } },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('error', fail)
        response.on('end', () => {
          try {
            const { targets } = JSON.parse(text) as {
              targets: { upstream: string; key?: string; inFlight: number }[]
            }
            const open = targets.filter(({ upstream, inFlight }) => upstream === 'desktop' && inFlight > 0)
            done(new Set(open.map(({ key = '' }) => key)))
          } catch {
            fail(new Error(`it answered ${response.statusCode}`))
          }
        })
      },
    )
    request.setTimeout(answerLimit, () => request.destroy(new Error('no answer')))
    request.on('error', fail)
  })
}

function urlOf(admin: string): { host: string; port: string | number } {
  const { hostname, port } = new URL(admin)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port || 80 }
}
