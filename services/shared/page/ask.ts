/** What a service answered instead of what was asked for: its own sentence, for the person in front of the page. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  /** 0: nothing answered. */
  readonly status: number
  readonly detail: Readonly<Record<string, unknown>>

  constructor(status: number, sentence: string, detail: Readonly<Record<string, unknown>> = {}) {
    super(sentence)
    this.status = status
    this.detail = detail
  }
}

/**
 * Asks the service and answers what it said, as JSON; undefined where it said nothing. A path is relative to the page.
 * Throws a Refusal with a sentence to show, whether the service, the proxy or nobody answered.
 */
export async function ask<Answer = unknown>(
  path: string,
  { json, ...options }: RequestInit & { json?: unknown } = {},
): Promise<Answer> {
  const headers = new Headers(options.headers)
  headers.set('Accept', 'application/json')
  if (json !== undefined) {
    headers.set('Content-Type', 'application/json')
    options.body = JSON.stringify(json)
    options.method ??= 'POST'
  }
  let response: Response
  try {
    response = await fetch(path, { credentials: 'same-origin', ...options, headers })
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error
    throw new Refusal(0, 'The service cannot be reached. Check the connection and try again.')
  }
  const text = await response.text()
  const body = readJson(text)
  if (response.ok) return body as Answer
  const { title, detail } = (body ?? {}) as { title?: string; detail?: string }
  throw new Refusal(
    response.status,
    // The proxy's titles are those of statuses, and its sentence is the detail; a service's sentence is the title.
    detail ?? title ?? `The service answered ${response.status}.`,
    (body ?? {}) as Record<string, unknown>,
  )
}

function readJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
