import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { onEnd, type Teardown } from '../../harness/teardown.ts'

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** Answers one request. What it does not end stays open. */
export type Answer = (response: ServerResponse, asked: Asked) => void

/** Speaks as Hugging Face's router does, and misbehaves as it does: the answers are used up one by one, the last one stays. */
export interface Hub {
  readonly url: string
  readonly asked: Asked[]
  answerWith(...answers: Answer[]): void
}

export async function startHub(t: Teardown): Promise<Hub> {
  let answers: Answer[] = []
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const one = { method, url, headers, body: await buffer(request) }
    asked.push(one)
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    answer?.(response, one)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onEnd(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answerWith(...next) {
      answers = next
      asked.length = 0
    },
  }
}

export function says(
  status: number,
  body: string | Buffer | object,
  headers: Record<string, string> = {},
): Answer {
  return (response) => {
    const isJson = typeof body === 'object' && !Buffer.isBuffer(body)
    response.writeHead(status, { 'content-type': isJson ? 'application/json' : 'text/plain', ...headers })
    response.end(isJson ? JSON.stringify(body) : body)
  }
}
