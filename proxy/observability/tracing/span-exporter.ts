import http from 'node:http'
import https from 'node:https'
import { hostname } from 'node:os'
import { logger } from '../logger.ts'
import { recordSpans } from '../metrics.ts'
import { otlpAttributes } from './span-json.ts'

export interface SpanExporterSettings {
  /** Whole address, such as http://127.0.0.1:4318/v1/traces. */
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly service: string
  readonly version: string
}

/** Sends spans to a collector. No exchange waits for it, and what it holds has a bound. */
export interface SpanExporter {
  /** Each the JSON of a span. Never throws. What finds no room is dropped, and counted. */
  add(spans: readonly string[]): void
  /** Sends what waits, for two seconds at most. */
  close(): Promise<void>
}

/**
 * One POST at a time, of what has gathered within a second. A collector that is away, or says that it has too much, is
 * asked again after a pause that grows, and meanwhile the queue fills and then drops. That is said once for each outage,
 * and the end of it. A batch that the collector refuses for what it is would be refused for ever, so it goes.
 */
export function openSpanExporter(settings: SpanExporterSettings): SpanExporter {
  const post = poster(settings)
  const [before, after] = envelope(settings)
  const waiting: string[] = []
  let bytes = 0
  let timer: NodeJS.Timeout | undefined
  let underWay: Promise<void> | undefined
  let failures = 0
  let closing = false
  let dropped = 0
  let toldAt = Number.NEGATIVE_INFINITY
  let isTold = false

  function add(spans: readonly string[]): void {
    for (const span of spans) {
      if (waiting.length >= mostWaiting || bytes + span.length > mostBytes) {
        drop(1)
        continue
      }
      waiting.push(span)
      bytes += span.length
    }
    if (waiting.length >= batch && failures === 0) send()
    else wait(gather)
  }

  function wait(milliseconds: number): void {
    if (timer !== undefined || underWay !== undefined || closing) return
    timer = setTimeout(send, milliseconds)
    timer.unref()
  }

  function send(): void {
    clearTimeout(timer)
    timer = undefined
    if (underWay !== undefined || waiting.length === 0) return
    const spans = waiting.slice(0, batch)
    underWay = post(`${before}${spans.join(',')}${after}`).then((outcome) => {
      underWay = undefined
      settle(spans, outcome)
    })
  }

  function settle(spans: readonly string[], outcome: Outcome): void {
    if (outcome.kind === 'later') {
      // A connection that was kept may have been closed just now: one failure is no outage.
      if (failures > 0) tell(outcome.reason)
      wait(Math.max(outcome.after, Math.min(longestPause, gather * 2 ** failures++)))
      return
    }
    waiting.splice(0, spans.length)
    for (const span of spans) bytes -= span.length
    failures = 0
    const refused = outcome.kind === 'refused' ? spans.length : Math.min(outcome.rejected, spans.length)
    recordSpans('exported', spans.length - refused)
    recordSpans('refused', refused)
    if (refused > 0) tell(outcome.reason)
    else tellEnd()
    if (waiting.length >= batch || closing) send()
    else if (waiting.length > 0) wait(gather)
  }

  function drop(count: number): void {
    recordSpans('dropped', count)
    dropped += count
  }

  function tell(reason: string): void {
    if (isTold || performance.now() - toldAt < tellEvery) return
    isTold = true
    toldAt = performance.now()
    log.warn('spans cannot be exported', { endpoint: settings.endpoint, reason })
  }

  function tellEnd(): void {
    if (!isTold) return
    isTold = false
    log.info('spans are exported again', { endpoint: settings.endpoint, dropped })
    dropped = 0
  }

  return {
    add,
    async close() {
      closing = true
      const end = performance.now() + patience
      if (failures === 0) send()
      while (underWay !== undefined && performance.now() < end)
        await Promise.race([underWay, new Promise((done) => setTimeout(done, end - performance.now()))])
      clearTimeout(timer)
      if (waiting.length > 0) drop(waiting.length)
      post.close()
    },
  }
}

// --- internal ---

const log = logger.child('tracing')

/** Spans, and bytes of them: what a process holds at most while the collector is away. */
const mostWaiting = 2048
const mostBytes = 4 * 1024 * 1024
const batch = 512
/** Milliseconds. */
const gather = 1_000
const longestPause = 30_000
const answerLimit = 10_000
const patience = 2_000
const tellEvery = 60_000

type Outcome =
  | { readonly kind: 'taken'; readonly rejected: number; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string }
  /** `after`: milliseconds that the collector asks for. */
  | { readonly kind: 'later'; readonly after: number; readonly reason: string }

/** What stands around the spans of a batch, the same for all. */
function envelope({ service, version }: SpanExporterSettings): [before: string, after: string] {
  const attributes = otlpAttributes({
    'service.name': service,
    'service.version': version,
    'host.name': hostname(),
    'process.pid': process.pid,
  })
  const scope = JSON.stringify({ name: 'gatehouse', version })
  return [
    `{"resourceSpans":[{"resource":{"attributes":${attributes}},"scopeSpans":[{"scope":${scope},"spans":[`,
    ']}]}]}',
  ]
}

/** A function that sends one body, and never rejects. */
function poster({ endpoint, headers }: SpanExporterSettings) {
  const { request, Agent } = endpoint.startsWith('https:') ? https : http
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const post = (body: string): Promise<Outcome> =>
    new Promise((done) => {
      const later = (reason: string, after = 0): void => done({ kind: 'later', after, reason })
      try {
        const sent = request(endpoint, {
          method: 'POST',
          agent,
          headers: {
            ...headers,
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
          },
          signal: AbortSignal.timeout(answerLimit),
        })
        sent.on('error', (error: NodeJS.ErrnoException) =>
          later(
            error.name === 'TimeoutError'
              ? `no answer within ${answerLimit} ms`
              : (error.code ?? error.message),
          ),
        )
        sent.on('response', (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (part: string) => {
            if (text.length < mostAnswer) text += part
          })
          response.on('error', (error) => later(error.message))
          response.on('end', () => done(outcomeOf(response, text)))
        })
        sent.end(body)
      } catch (error) {
        later(error instanceof Error ? error.message : String(error))
      }
    })
  return Object.assign(post, { close: () => agent.destroy() })
}

/** Characters of an answer that are read. */
const mostAnswer = 64 * 1024
/** Those after which the protocol wants the same batch again (OTLP/HTTP, "Retryable Response Codes"). */
const passing = new Set([429, 502, 503, 504])

function outcomeOf({ statusCode = 0, headers }: http.IncomingMessage, text: string): Outcome {
  const reason = `the collector answered ${statusCode}`
  if (passing.has(statusCode)) {
    const seconds = Number(headers['retry-after'] ?? 0)
    return { kind: 'later', reason, after: seconds > 0 ? Math.min(seconds * 1000, longestPause) : 0 }
  }
  if (statusCode < 200 || statusCode > 299) return { kind: 'refused', reason }
  return { kind: 'taken', ...rejectedIn(text) }
}

/** A collector may take a part of a batch, and says so in a 200. */
function rejectedIn(text: string): { rejected: number; reason: string } {
  try {
    const { partialSuccess } = JSON.parse(text) as {
      partialSuccess?: { rejectedSpans?: string | number; errorMessage?: string }
    }
    const rejected = Number(partialSuccess?.rejectedSpans ?? 0)
    return {
      rejected: Number.isSafeInteger(rejected) ? Math.max(rejected, 0) : 0,
      reason: String(partialSuccess?.errorMessage ?? ''),
    }
  } catch {
    return { rejected: 0, reason: '' }
  }
}
