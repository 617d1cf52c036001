import http from 'node:http'
import https from 'node:https'
import type { Kind } from './catalogue.ts'

/** Milliseconds. */
const answerLimit = 3_000

/** The field that opens a desktop which asks for a password, or none. */
export function credentialOf(
  { credentials }: Pick<Kind, 'credentials'>,
  password: string,
): Record<string, string> {
  if (credentials === undefined) return {}
  return { Authorization: `Basic ${Buffer.from(`${credentials.user}:${password}`).toString('base64')}` }
}

/**
 * Whether a desktop's page answers. Docker opens its port at once, long before. Its certificate is its own, and is
 * believed because the connection ends on the Docker host's own address.
 */
export function answers(url: string, headers: Record<string, string>): Promise<boolean> {
  return new Promise((done) => {
    const options = { headers, agent: false, rejectUnauthorized: false, timeout: answerLimit }
    const request = (url.startsWith('https:') ? https : http).get(url, options, (response) => {
      const { statusCode = 0 } = response
      response.destroy()
      done(statusCode >= 200 && statusCode < 300)
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', () => done(false))
    // One that answers 101, which nobody asked for, is hung up on without a word.
    request.on('close', () => done(false))
  })
}
