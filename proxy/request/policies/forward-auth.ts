import http from 'node:http'
import https from 'node:https'
import type { PolicyOptions } from '../../config/policy-schemas.ts'
import { lookupAddresses } from '../../upstreams/find-addresses.ts'
import type { Facts } from '../facts.ts'
import { type Answer, deny, type HeaderEntry, type Policy, type Verdict } from './policy.ts'
import { asCgiReadsIt, removeFields, removeFieldsWhere } from './request-fields.ts'

type Options = PolicyOptions<'forwardAuth'>

/**
 * Asks another service whether a request may pass, and only lets it pass on a clear yes: 2xx passes; 401, 403
 * and redirects are shown to the client, so that its login page works; anything else, silence included, is
 * `forward_auth_unavailable`.
 *
 * The fields that the service may set are removed from what the client sent, always and under every spelling:
 * a client that could send `Remote-User` itself would be whoever it likes. Of what the service is shown no other spelling
 * goes on either: it would say yes to the tenant of `X-Tenant`, and a CGI program read that of `X_Tenant`.
 *
 * A rehearsal (`explain`, route tests, a reload) asks nobody and is told so: a table must be loadable while the
 * service is down, and a test must not depend on it.
 */
export function forwardAuth(options: Options): Policy {
  const url = new URL(options.url)
  if (url.username !== '' || url.hash !== '')
    throw new Error(`${options.url} may hold neither a user nor a #fragment`)
  const shown = options.requestHeaders.map((name) => checkShown(name.toLowerCase()))
  const granted = options.responseHeaders.map((name) => checkGranted(name.toLowerCase()))
  const spellings = new Set(granted.map(asCgiReadsIt))
  const isTwin = twinsOf(shown)
  const ask = createAsker(url, options.timeout)

  return {
    name: 'forwardAuth',
    mode: options.mode,
    decide: async function forwardAuth(facts): Promise<Verdict> {
      if (facts.rehearsal)
        return deny('forward_auth_unavailable', `not asked in a rehearsal: ${url.host} decides`)
      let reply: Reply
      try {
        reply = await ask(questionOf(facts, shown))
      } catch (error) {
        return deny('forward_auth_unavailable', `${url.host}: ${(error as Error).message}`)
      }
      if (reply.status >= 200 && reply.status < 300) return passOf(reply, granted)
      if (!shownStatuses.has(reply.status))
        return deny('forward_auth_unavailable', `${url.host} answered ${reply.status}`)
      const reason = `${url.host} answered ${reply.status}`
      // An observed route is never answered in another's place.
      return options.mode === 'observe' ? deny('forward_auth_denied', reason) : answerOf(reply, reason)
    },
    editRequest(_facts, headers) {
      removeFields(headers, spellings)
      removeFieldsWhere(headers, isTwin)
    },
  }
}

const shownStatuses = new Set([301, 302, 303, 307, 308, 401, 403])

function questionOf(facts: Facts, shown: readonly string[]): http.OutgoingHttpHeaders {
  const headers: http.OutgoingHttpHeaders = {
    'x-forwarded-method': facts.method,
    'x-forwarded-proto': facts.secure ? 'https' : 'http',
    'x-forwarded-host': facts.authority,
    'x-forwarded-uri': facts.path + facts.query,
    'x-forwarded-for': facts.client.text,
  }
  for (const name of shown) {
    const values = facts.headers.all(name)
    // HTTP/2 may split cookies into many fields (RFC 9113 §8.2.3).
    if (values.length > 0) headers[name] = name === 'cookie' ? values.join('; ') : values
  }
  if (facts.requestId !== undefined) headers['x-request-id'] = facts.requestId
  if (facts.traceparent !== undefined) headers.traceparent = facts.traceparent
  return headers
}

function passOf(reply: Reply, granted: readonly string[]): Verdict {
  const requestHeaders: HeaderEntry[] = []
  let user: string | undefined
  for (const name of granted) {
    for (const value of [reply.headers[name] ?? []].flat()) {
      requestHeaders.push([name, value])
      // Node reads fields as Latin-1; what a service means is mostly UTF-8.
      if (userFields.has(name)) user ??= Buffer.from(value, 'latin1').toString('utf8')
    }
  }
  return { verdict: 'pass', requestHeaders, user }
}

const userFields = new Set(['remote-user', 'x-auth-request-user', 'x-authentik-username', 'x-webauth-user'])

/** Only what a browser needs to sign in: the service's own Connection, Server or HSTS mean nothing here. */
const answerFields = ['location', 'set-cookie', 'www-authenticate', 'content-type', 'cache-control']

function answerOf(reply: Reply, reason: string): Answer {
  const headers: HeaderEntry[] = []
  for (const name of answerFields) {
    if (name === 'content-type' && reply.body === undefined) continue
    for (const value of [reply.headers[name] ?? []].flat()) headers.push([name, value])
  }
  if (reply.headers['cache-control'] === undefined) headers.push(['cache-control', 'no-store'])
  return { verdict: 'answer', status: reply.status, reason, headers, body: reply.body }
}

// --- fields ---

const framing = new Set(
  'host connection content-length transfer-encoding te trailer upgrade expect keep-alive proxy-connection proxy-authorization http2-settings'.split(
    ' ',
  ),
)

/** Whether a name is one that CGI reads as a field that is shown, and is not shown itself. */
function twinsOf(shown: readonly string[]): (name: string) => boolean {
  const read = new Set(shown.map(asCgiReadsIt))
  return (name) => name.includes('_') && read.has(asCgiReadsIt(name)) && !shown.includes(name.toLowerCase())
}

function checkShown(name: string): string {
  if (framing.has(name) || name.startsWith('x-forwarded-'))
    throw new Error(
      `requestHeaders: "${name}" cannot be shown to the service: it frames the request, or is ours to say`,
    )
  return name
}

function checkGranted(name: string): string {
  if (framing.has(name) || name === 'cookie')
    throw new Error(
      `responseHeaders: "${name}" cannot be set by the service: it frames the request, or is the client's`,
    )
  return name
}

// --- asking ---

interface Reply {
  status: number
  headers: http.IncomingHttpHeaders
  /** Undefined where there is none, or where it is too long or coded, so that it could not be shown whole. */
  body: Buffer | undefined
}

/** A login page is short. In bytes. */
const longestBody = 64 * 1024
/** A service that stalls may hold this many exchanges; more are refused at once. */
const mostAsking = 1000

/**
 * Node's own client with kept-alive connections: half the cost of `fetch`, and it follows no redirect. The
 * time-out is for the whole answer.
 */
function createAsker(url: URL, timeout: number): (headers: http.OutgoingHttpHeaders) => Promise<Reply> {
  const { request, Agent } = url.protocol === 'https:' ? https : http
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 256,
    maxFreeSockets: 16,
    timeout: 15_000,
    lookup: lookupAddresses,
  })
  let asking = 0

  function askOver(agent: http.Agent | false, headers: http.OutgoingHttpHeaders): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(timeout)
      const fail = (error: Error): void =>
        reject(signal.aborted ? new Error(`no answer within ${timeout} ms`) : error)
      const asked = request(url, { agent, headers, signal }, (answer) => {
        readBody(answer).then(
          (body) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }),
          fail,
        )
      })
      asked.on('error', (error: NodeJS.ErrnoException) => {
        // The service closed a kept connection as we wrote to it. A GET may be sent again (RFC 9112 §9.3.1).
        if (asked.reusedSocket && error.code === 'ECONNRESET') resolve(askOver(false, headers))
        else fail(error)
      })
      asked.end()
    })
  }

  return async function ask(headers) {
    if (asking >= mostAsking) throw new Error(`${asking} questions wait for an answer already`)
    asking++
    try {
      return await askOver(agent, headers)
    } finally {
      asking--
    }
  }
}

async function readBody(answer: http.IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length
    // Leaving the loop ends the connection, and with it the rest.
    if (length > longestBody) return undefined
    chunks.push(chunk)
  }
  return length === 0 || answer.headers['content-encoding'] !== undefined ? undefined : Buffer.concat(chunks)
}
