import http from 'node:http'
import https from 'node:https'
import { EngineFault } from '../engine.ts'
import { headLengthField, type Inference } from './tensors.ts'

export interface TritonServer {
  /** Rejects with an EngineFault unless the server and the model are ready. */
  ready(): Promise<void>
  /** What the server says of the model, unchecked. */
  describe(): Promise<unknown>
  /** Rejects with an EngineFault; with `RequestRefused` if the server did not take this request as it is. */
  infer(inference: Inference): Promise<{ lengthOfHead: string | undefined; body: Buffer }>
}

/** A request that the server understood and refused: 4xx. A smaller batch may be what it wants. */
export class RequestRefused extends EngineFault {}

/** Bytes of an answer: numbers for a batch and their description are some hundreds. */
const longestAnswer = 256 * 1024

/** Speaks HTTP to a server of the KServe v2 protocol. `url` has no slash at its end; `timeout` is in milliseconds. */
export function createTritonServer(settings: { url: string; model: string; timeout: number }): TritonServer {
  const { url, timeout } = settings
  const { Agent } = url.startsWith('https:') ? https : http
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const model = `/v2/models/${encodeURIComponent(settings.model)}`

  async function ask(path: string, inference?: Inference): Promise<Answer> {
    try {
      const by = { agent, signal: AbortSignal.timeout(timeout) }
      return await exchange(new URL(url + path), inference, by).catch((error: Stale) => {
        // A connection that was kept may end just as it is used again: that says nothing of the server.
        if (error.isStale !== true) throw error
        return exchange(new URL(url + path), inference, by)
      })
    } catch (error) {
      if (error instanceof EngineFault) throw error
      const late = (error as Error).name === 'AbortError'
      throw new EngineFault(
        'away',
        late ? 'The quality model takes too long' : 'The quality model is away',
        error,
      )
    }
  }

  return {
    async ready() {
      // Not ready is 400 with an empty body here, not 503.
      for (const path of ['/v2/health/ready', `${model}/ready`]) {
        const { status } = await ask(path)
        if (status !== 200)
          throw new EngineFault('away', 'The quality model is not ready', `${path}: ${status}`)
      }
    },
    async describe() {
      const { status, body } = await ask(model)
      if (status !== 200)
        throw new EngineFault('away', 'The quality model is not there', reasonIn(status, body))
      try {
        return JSON.parse(body.toString())
      } catch (error) {
        throw new EngineFault('wrong', 'The quality model gave an answer that makes no sense', error)
      }
    },
    async infer(inference) {
      const { status, ...answer } = await ask(`${model}/infer`, inference)
      if (status === 200) return answer
      const reason = reasonIn(status, answer.body)
      if (status === 503 || status === 429)
        throw new EngineFault('overloaded', 'The quality model has too much to do', reason)
      if (status >= 400 && status < 500)
        throw new RequestRefused('wrong', 'The quality model does not take this picture', reason)
      throw new EngineFault('away', 'The quality model is in trouble', reason)
    },
  }
}

// --- internal ---

type Stale = NodeJS.ErrnoException & { isStale?: boolean }

interface Answer {
  readonly status: number
  readonly lengthOfHead: string | undefined
  readonly body: Buffer
}

/**
 * One request. Not by `fetch`, which takes three times the processor for a megabyte of tensors. It follows nobody
 * elsewhere: a server that sends us away is not the one that the operator named.
 */
function exchange(
  url: URL,
  inference: Inference | undefined,
  { agent, signal }: { agent: http.Agent; signal: AbortSignal },
): Promise<Answer> {
  const { request } = url.protocol === 'https:' ? https : http
  return new Promise((resolve, reject) => {
    const length = inference && { 'content-length': inference.body.length }
    const method = inference ? 'POST' : 'GET'
    const sent = request(url, { method, agent, signal, headers: { ...inference?.headers, ...length } })
    sent.on('error', (error: Stale) => {
      error.isStale = sent.reusedSocket && error.code === 'ECONNRESET'
      reject(error)
    })
    let isAnswered = false
    sent.on('response', (response) => {
      isAnswered = true
      const field = response.headers[headLengthField]
      readAll(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, lengthOfHead: field?.toString(), body }),
        reject,
      )
    })
    // One that answers 101, which nobody asked for, is hung up on without a word.
    sent.on('close', () => isAnswered || reject(new Error('it gave no answer')))
    sent.end(inference?.body)
  })
}

async function readAll(response: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of response) {
    size += piece.length
    if (size > longestAnswer)
      throw new EngineFault(
        'wrong',
        'The quality model gave an answer that makes no sense',
        'it does not end',
      )
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

/** For the log. The body of an error may be empty, or no JSON at all. */
function reasonIn(status: number, body: Buffer): string {
  return `${status} ${body.toString().slice(0, 300)}`
}
