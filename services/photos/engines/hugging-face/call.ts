import { noPicture, readRefusal, unanswered } from './setback.ts'

/** How the hub is reached. */
export interface Hub {
  /** `https://router.huggingface.co`, or an endpoint of the same shape. No slash at its end. */
  readonly url: string
  readonly key: string
  /** Milliseconds for one call, from its first byte to its last. */
  readonly timeout: number
  /** The largest answer that is read, in bytes. */
  readonly mostBytes: number
}

export interface Answer {
  readonly type: string
  readonly body: Buffer
}

export interface Call {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
  readonly signal: AbortSignal
}

/** One call to the hub. Throws a Setback for a refusal, for silence, and for an answer that breaks off. */
export async function call(
  hub: Hub,
  path: string,
  { method = 'POST', headers, body, signal }: Call,
): Promise<Answer> {
  const limit = AbortSignal.timeout(hub.timeout)
  try {
    const response = await fetch(`${hub.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${hub.key}`, ...headers },
      body: typeof body === 'string' ? body : body && new Uint8Array(body),
      // The key would go wherever the redirect says.
      redirect: 'error',
      signal: AbortSignal.any([signal, limit]),
    })
    const content = await readBody(response, hub.mostBytes)
    if (!response.ok)
      throw readRefusal(response.status, response.headers, content.toString('utf8', 0, 20_000))
    return { type: response.headers.get('content-type') ?? '', body: content }
  } catch (error) {
    throw signal.aborted ? error : unanswered(error, limit.aborted)
  }
}

/** The same, where JSON is sent, if there is any, and JSON is answered. */
export async function callForJson(
  hub: Hub,
  path: string,
  { json, headers, ...options }: Call & { json?: unknown },
): Promise<unknown> {
  const { body, type } = await call(hub, path, {
    ...options,
    ...(json !== undefined && { body: JSON.stringify(json) }),
    headers: { ...headers, ...(json !== undefined && { 'content-type': 'application/json' }) },
  })
  try {
    return JSON.parse(body.toString())
  } catch {
    throw noPicture(`${type || 'something without a type'} instead of JSON`)
  }
}

// --- internal ---

async function readBody(response: Response, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > most) throw noPicture(`more than ${most} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
