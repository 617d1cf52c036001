/**
 * What went wrong at the hub, read from whatever it answered: its errors are JSON under several names, plain text, or
 * the HTML of something in between.
 */
export class Setback extends Error {
  override readonly name = 'Setback'
  /** What the browser is answered if it stays so. */
  readonly status: 502 | 503 | 504
  /** For the person in front of the page. */
  readonly title: string
  /** Whether another try may go well. */
  readonly passes: boolean
  /** Seconds that the hub asks to wait. */
  readonly wait: number | undefined

  constructor(
    status: 502 | 503 | 504,
    title: string,
    { passes = false, wait, detail }: { passes?: boolean; wait?: number; detail?: string } = {},
  ) {
    super(detail ?? title)
    this.status = status
    this.title = title
    this.passes = passes
    this.wait = wait
  }
}

/** Reads a refusal: its status, the fields that tell when to come back, and the text. */
export function readRefusal(status: number, headers: Headers, text: string): Setback {
  const { message, estimate } = readText(text)
  const id = headers.get('x-request-id') ?? headers.get('x-amzn-trace-id') ?? headers.get('x-amz-cf-id')
  const detail = `${status} ${message}${id === null ? '' : ` (request ${id})`}`
  const wait = estimate ?? waitOf(headers)
  if (status === 503 && (estimate !== undefined || /loading/i.test(message)))
    return new Setback(503, 'The model is still being loaded. Try again in a minute.', {
      passes: true,
      wait,
      detail,
    })
  if (status === 429)
    return new Setback(503, 'The model is asked too often just now. Try again in a few minutes.', {
      passes: true,
      wait,
      detail,
    })
  const lasting = lastingRefusals[status]
  if (lasting !== undefined) return new Setback(502, lasting, { detail })
  if (status === 408 || status >= 500)
    return new Setback(
      status === 504 ? 504 : 502,
      'The model had a fault of its own. Try again, or choose another model.',
      {
        passes: true,
        wait,
        detail,
      },
    )
  return new Setback(502, 'The model does not accept this picture, or what was set for it.', { detail })
}

/** Nothing was answered, or not to the end. */
export function unanswered(error: unknown, timedOut: boolean): Setback {
  if (error instanceof Setback) return error
  const { message, cause } = error as Error
  const detail = cause instanceof Error ? `${message}: ${cause.message}` : message
  if (timedOut)
    return new Setback(504, 'The model took too long. Try again, or choose another model.', { detail })
  return new Setback(502, 'The model cannot be reached. Try again in a minute, or choose another model.', {
    passes: true,
    detail,
  })
}

/** It answered, and what it answered is of no use. */
export function noPicture(detail: string): Setback {
  return new Setback(
    502,
    'The model answered, but gave no whole picture. Try again, or choose another model.',
    {
      detail,
    },
  )
}

// --- internal ---

const lastingRefusals: Readonly<Record<number, string>> = {
  401: 'Hugging Face does not accept the key of this service. Its operator has to set HF_API_KEY.',
  402: 'The credits of this service at Hugging Face are used up, or the provider of this model is not enabled. Choose another model.',
  403: 'The key of this service may not use this model. Its operator has to allow it.',
  404: 'Nobody serves this model at Hugging Face. Choose another model.',
  410: 'This address of Hugging Face is no longer served. The operator of this service has to set HF_API_URL.',
  413: 'The picture is too large for this model.',
}

/** `{"error": "…"}`, `{"error": {"message": "…"}}`, `detail`, `message`, or no JSON at all. */
function readText(text: string): { message: string; estimate: number | undefined } {
  try {
    const json = JSON.parse(text) as Record<string, unknown>
    const said = json.error ?? json.detail ?? json.message
    const message =
      typeof said === 'object' && said !== null
        ? String((said as { message?: unknown }).message ?? JSON.stringify(said))
        : String(said)
    const estimate = json.estimated_time
    return {
      message: message.slice(0, 300),
      estimate: typeof estimate === 'number' && estimate >= 0 ? estimate : undefined,
    }
  } catch {
    return {
      message: text
        .replace(/<[^>]*>/g, ' ')
        .replace(/\s+/g, ' ')
        .trim()
        .slice(0, 300),
      estimate: undefined,
    }
  }
}

/** `Retry-After: 20`, or `ratelimit: "api";r=0;t=55` (the RateLimit draft of the IETF). */
function waitOf(headers: Headers): number | undefined {
  const seconds = headers.get('retry-after') ?? /(?:^|;)\s*t=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]
  return seconds !== undefined && /^\d{1,6}$/.test(seconds) ? Number(seconds) : undefined
}
