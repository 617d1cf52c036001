import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'

export interface EventStream {
  /** The data of the events so far, in order. */
  readonly received: string[]
  close(): void
}

/** Listens to a stream of events, and calls back for each with its data. */
export async function openEventStream(port: number, onEvent: (data: string) => void): Promise<EventStream> {
  const request = get({ port, host: '127.0.0.1', path: '/events', agent: false })
  const [response]: IncomingMessage[] = await once(request, 'response')
  if (response?.headers['content-type'] !== 'text/event-stream')
    throw new Error(`An event stream was answered ${response?.statusCode}.`)
  const received: string[] = []
  let held = ''
  response.setEncoding('utf8')
  response.on('error', () => {})
  response.on('data', (chunk: string) => {
    const blocks = (held + chunk).split('\n\n')
    held = blocks.pop() ?? ''
    for (const block of blocks) {
      if (!block.startsWith('data: ')) continue
      received.push(block.slice(6))
      onEvent(block.slice(6))
    }
  })
  return { received, close: () => void request.destroy() }
}
