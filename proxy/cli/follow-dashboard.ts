import { readFile } from 'node:fs/promises'
import http from 'node:http'
import { dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readKey } from '../admin/dashboard/accounts.ts'
import { commandLife, commandMark, commandUser, signSession } from '../admin/dashboard/session-token.ts'
import { dashboardFiles } from '../config/dashboard-files.ts'
import { type AdminOf, adminPlace, requestOptions } from './ask-admin.ts'

/** One event of the dashboard's stream: what it is called, and what JSON it holds. */
export interface DashboardEvent {
  readonly event: string
  readonly data: unknown
}

export interface FollowSettings extends AdminOf {
  /** Of the stream: `follow=1&status=5xx`. */
  readonly query: string
  /** The connection has ended, and another is tried for. Told again when the reason is another. */
  lost(why: string): void
  /** There is one again. */
  found(): void
}

/**
 * What the running Gatehouse tells its dashboard, until whoever asks stops. The permission is `certs/dashboard.key`, beside
 * routes.yaml: who may read it signs in by it. The first connection that cannot be had is an error of one sentence;
 * one that ends later is made again.
 */
export async function* followDashboard(settings: FollowSettings): AsyncGenerator<DashboardEvent> {
  const place = settings.admin ?? (await adminPlace(settings.file))
  const key = await readFile(resolve(dirname(settings.file), dashboardFiles.key)).then(readKey, (error) => {
    throw new Error(keyTrouble(error))
  })
  let told: string | undefined
  const lost = (why: string): void => {
    if (why !== told) settings.lost(why)
    told = why
  }
  for (let isFirst = true; ; isFirst = false) {
    let stream: http.IncomingMessage | undefined
    try {
      stream = await openStream(place, settings.query, key)
    } catch (error) {
      if (isFirst || error instanceof Refused) throw error
      lost((error as Error).message)
    }
    if (stream !== undefined) {
      if (told !== undefined) settings.found()
      told = undefined
      try {
        yield* eventsOf(stream)
      } catch {
        // It broke off in the middle of an event, which is an end as well.
      }
      lost('it ended the connection')
    }
    await sleep(retryAfter)
  }
}

// --- internal ---

/** Milliseconds. */
const retryAfter = 1_000
const silence = 30_000

class Refused extends Error {}

function keyTrouble({ code, message }: NodeJS.ErrnoException): string {
  const { key } = dashboardFiles
  if (code === 'ENOENT') return `there is no ${key} beside routes.yaml; the first start of Gatehouse makes it`
  if (code === 'EACCES') return `${key} is not yours to read; be the user that Gatehouse runs as, or root`
  return message
}

function openStream(place: string, query: string, key: Buffer): Promise<http.IncomingMessage> {
  const ends = Math.ceil((Date.now() + commandLife) / 1000)
  const token = signSession({ user: commandUser, ends }, key, commandMark)
  const options = requestOptions(place, `/dashboard/api/stream?${query}`)
  return new Promise((done, failed) => {
    const headers = { ...options.headers, authorization: `Bearer ${token}` }
    const request = http.get({ ...options, headers }, (response) => {
      if (response.statusCode === 200) return done(response)
      response.resume()
      const answered = `${place} answered ${response.statusCode}`
      if ((response.statusCode ?? 0) < 500)
        failed(new Refused(`${answered}; does it run with another routes.yaml?`))
      // Its admin listener is there before its workers are.
      else failed(new Error(`${answered}; it is still starting`))
    })
    request.setTimeout(silence, () => request.destroy(new Error(`${place} says nothing`)))
    request.on('error', (error: NodeJS.ErrnoException) =>
      failed(error.code === undefined ? error : new Error(`nobody answers at ${place} (${error.code})`)),
    )
  })
}

async function* eventsOf(response: http.IncomingMessage): AsyncGenerator<DashboardEvent> {
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    const parts = (text + chunk).split('\n\n')
    text = parts.pop() ?? ''
    for (const part of parts) {
      const event = /^event: (.+)$/m.exec(part)?.[1]
      const data = /^data: (.+)$/m.exec(part)?.[1]
      if (event !== undefined && data !== undefined) yield { event, data: JSON.parse(data) }
    }
  }
}
