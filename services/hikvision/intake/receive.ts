import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../../shared/logger.ts'
import { received, refused as refusals, spooled } from '../metrics.ts'
import { budgetOf } from './budget.ts'
import { clientAddress } from './client-address.ts'
import { glanceAt } from './glance.ts'
import { readRequest } from './read-request.ts'
import type { Senders } from './senders.ts'
import { type Spool, SpoolFull } from './spool.ts'

export interface ReceiverSettings {
  readonly spool: Spool
  readonly senders: Senders
  /** Bytes of one event with its pictures. */
  readonly mostBody: number
  readonly log: Logger
}

/** Bytes of memory for all bodies that are under way. */
const memory = 256 << 20
/** Milliseconds for a body to come. */
const patience = 60_000

/**
 * Takes in an event: reads it whole, puts it on the disk, answers 200, and leaves it to others to understand it. A
 * device that hears anything but 200 sends the same body again and again, so what is in the body never decides the
 * answer.
 */
export function receiver({ spool, senders, mostBody, log }: ReceiverSettings) {
  const budget = budgetOf(Math.max(memory, mostBody))
  const complain = oncePerMinute(log)

  return async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A device that left is no reason to complain.
    response.on('error', () => {})
    const { method = '', url: target = '/', headers } = request
    const from = clientAddress(request)
    received.add({})
    const refused = senders.refuse({ from, method, target, authorization: headers.authorization })
    if (refused) {
      refusals.add({ reason: refused.reason })
      complain('an event was refused', { from, why: refused.why })
      await drain(request, mostBody)
      return answer(response, refused.status, refused.headers)
    }
    const declared = Number(headers['content-length'] ?? mostBody)
    if (declared > mostBody) return tooLarge(request, response)
    const giveBack = await budget.take(from, declared)
    try {
      const body = await readRequest(request, mostBody, patience)
      if (body === 'too-large') return tooLarge(request, response)
      if (body === 'too-slow') {
        refusals.add({ reason: 'slow' })
        return answer(response, 408, { Connection: 'close' })
      }
      // Half an event is none: the device was told nothing and sends it again.
      if (body === 'gone') return refusals.add({ reason: 'broken_off' })
      const glance = glanceAt(body)
      const unwanted = senders.refuseDevice(from, glance)
      if (unwanted) {
        refusals.add({ reason: unwanted.reason })
        complain('an event was refused', { from, why: unwanted.why })
        return answer(response, unwanted.status, unwanted.headers)
      }
      const arrival = {
        at: Date.now(),
        from,
        path: senders.publicPath(target).slice(0, 512),
        type: (headers['content-type'] ?? '').slice(0, 256),
        hint: glance.mac ?? glance.serial ?? '',
      }
      await spool.append(arrival, body)
      spooled.add({})
      answer(response, 200)
    } catch (error) {
      refusals.add({ reason: error instanceof SpoolFull ? 'full' : 'disk' })
      const why = error instanceof SpoolFull ? error.message : 'the disk does not take it'
      complain('an event could not be kept, and its device was told so', { from, why, error })
      answer(response, 503, { 'Retry-After': '5' })
    } finally {
      giveBack()
    }
  }

  function tooLarge(request: IncomingMessage, response: ServerResponse): void {
    refusals.add({ reason: 'large' })
    complain('an event is larger than MAX_BODY', { from: clientAddress(request) })
    request.resume()
    answer(response, 413, { Connection: 'close' })
  }
}

// --- internal ---

/** What devices want to see: a length, which is none, and no chunks. */
function answer(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string | string[]>> = {},
): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { 'Content-Length': '0', ...headers })
  response.end()
}

/** A device that is asked for its password while it still talks takes the connection for broken. */
function drain(request: IncomingMessage, most: number): Promise<void> {
  return new Promise((done) => {
    let left = most
    const timer = setTimeout(done, patience)
    request.on('data', (chunk: Buffer) => {
      left -= chunk.length
      if (left < 0) done()
    })
    for (const end of ['end', 'close', 'error']) request.once(end, () => done())
    request.once('close', () => clearTimeout(timer))
  })
}

/** A flood of refusals is one line a minute for each address and reason. */
function oncePerMinute(log: Logger) {
  const said = new Map<string, number>()
  return (message: string, fields: { from: string; why?: string; error?: unknown }) => {
    const key = `${message} ${fields.from} ${fields.why}`
    const now = Date.now()
    if (now - (said.get(key) ?? 0) < 60_000) return
    if (said.size > 1000) said.clear()
    said.set(key, now)
    log.warn(message, fields)
  }
}
