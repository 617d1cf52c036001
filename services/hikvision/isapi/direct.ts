import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { DeviceAway, type DeviceRequest, type DeviceResponse } from './carrier.ts'

/** Longer than any answer of a device but a video. */
const longestAnswer = 4 << 20

/** Asks a device over the network. One connection for each request: the web servers in devices close them anyway. */
export function carryDirectly(asked: DeviceRequest): Promise<DeviceResponse> {
  const { base, method, path, headers, body, timeout } = asked
  const url = new URL(base)
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(new DeviceAway(sentenceFor(error, timeout), { cause: error }))
    let answer: IncomingMessage | undefined
    const request = send({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      method,
      path,
      headers: { ...headers, 'Content-Length': body.length, Connection: 'close' },
      agent: false,
      // The certificates in devices are signed by themselves.
      rejectUnauthorized: false,
      // Some firmware writes header fields that no standard allows. Of nobody but a device it is accepted.
      insecureHTTPParser: true,
      signal: AbortSignal.timeout(timeout),
    })
    // A byte behind an answer that is whole does not make it another one.
    request.on('error', (error) => (answer?.complete ? undefined : fail(error)))
    request.on('response', (response) => {
      answer = response
      collect(response).then(resolve, fail)
    })
    // One that answers 101, which nobody asked for, is hung up on without a word.
    request.on('close', () => answer ?? fail(new Error('gave no answer')))
    request.end(body)
  })
}

// --- internal ---

async function collect(response: IncomingMessage): Promise<DeviceResponse> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > longestAnswer) throw new Error(`its answer is longer than ${longestAnswer} bytes`)
    chunks.push(chunk)
  }
  const challenges = response.rawHeaders.filter(
    (_, index, all) => index % 2 === 1 && all[index - 1]?.toLowerCase() === 'www-authenticate',
  )
  return {
    status: response.statusCode ?? 0,
    type: response.headers['content-type'] ?? '',
    challenges,
    body: Buffer.concat(chunks),
  }
}

function sentenceFor(error: Error & { code?: string }, timeout: number): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError')
    return `no answer within ${timeout / 1000} s`
  const known: Record<string, string> = {
    ECONNREFUSED: 'refuses connections',
    EHOSTUNREACH: 'cannot be reached',
    ENETUNREACH: 'cannot be reached: there is no route to it',
    ENOTFOUND: 'its name is not known',
    ECONNRESET: 'broke the connection',
  }
  return known[error.code ?? ''] ?? error.message
}
