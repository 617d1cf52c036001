import { once } from 'node:events'
import { type IncomingHttpHeaders, request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { buffer } from 'node:stream/consumers'

export interface Question {
  readonly port: number
  readonly secure?: boolean
  readonly host?: string
  readonly path?: string
  readonly headers?: Record<string, string>
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** One GET on a connection of its own. Throws if there is no whole answer within five seconds. */
export async function ask({ port, secure, host, path = '/', headers = {} }: Question): Promise<Answer> {
  const options = {
    host: '127.0.0.1',
    port,
    path,
    headers: { ...headers, ...(host ? { host } : {}) },
    agent: false as const,
    timeout: 5000,
  }
  // The certificate was made for this run, and nobody has signed it.
  const request = secure ? requestTls({ ...options, rejectUnauthorized: false }) : requestPlain(options)
  request.on('timeout', () => request.destroy(new Error(`no answer on port ${port}`)))
  request.end()
  const [response] = await once(request, 'response')
  // From here on it is the body that fails.
  request.on('error', () => {})
  return { status: response.statusCode, headers: response.headers, body: await buffer(response) }
}
