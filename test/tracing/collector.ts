import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { closeServer, trackConnections } from '../harness/upstream.ts'

/** A span as a collector gets it, its attributes as plain values. */
export interface CollectedSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  traceState?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  status?: { code: number }
  attributes: Record<string, string | number | boolean>
}

export interface Collector {
  readonly endpoint: string
  readonly port: number
  readonly spans: CollectedSpan[]
  readonly requests: IncomingMessage[]
  /** Of the process that sent the last batch. */
  readonly resource: Record<string, unknown>
  close(): Promise<void>
}

/** The receiving end of OTLP/HTTP. `answer` may say something else than 200; what it answers `true` for is not kept. */
export async function startCollector(
  t: Teardown,
  { port = 0, answer }: { port?: number; answer?: (response: ServerResponse) => boolean } = {},
): Promise<Collector> {
  const spans: CollectedSpan[] = []
  const requests: IncomingMessage[] = []
  const resource: Record<string, unknown> = {}
  const server = createServer(async (request, response) => {
    requests.push(request)
    let text = ''
    for await (const part of request) text += part
    if (answer?.(response)) return
    for (const { resource: from, scopeSpans } of JSON.parse(text).resourceSpans) {
      Object.assign(resource, plain(from.attributes))
      for (const { spans: batch } of scopeSpans)
        for (const span of batch) spans.push({ ...span, attributes: plain(span.attributes) })
    }
    response.setHeader('content-type', 'application/json').end('{}')
  })
  const connections = trackConnections(server)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = () => closeServer(server, connections)
  onEnd(t, close)
  const at = (server.address() as AddressInfo).port
  return { endpoint: `http://127.0.0.1:${at}/v1/traces`, port: at, spans, requests, resource, close }
}

type OtlpValue = { stringValue?: string; intValue?: string; boolValue?: boolean }

function plain(attributes: { key: string; value: OtlpValue }[]): CollectedSpan['attributes'] {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.boolValue ?? Number(value.intValue)]),
  )
}
