import { createHash } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { type ErrorCode, type ErrorEntry, errors } from '../../errors.ts'
import { emblem, errorStyle } from './error-style.ts'
import { type ErrorWords, errorWords } from './error-words.ts'

/** What the client is to be told besides the code. All of it may be hostile, and is escaped. */
export interface ErrorDetails {
  /** A page for a browser; otherwise a problem (RFC 9457) for a program. */
  html: boolean
  /** To quote when asking for help; the log has the details under it. */
  requestId: string
  /** Seconds. Where it is missing, a 503 names a time of its own. */
  retryAfter?: number
  /** Name of the upstream that is away. */
  service?: string
  /** Takes the place of the public text, for instance the notice of a maintenance. */
  message?: string
}

export interface ErrorResponse {
  status: number
  /** Names are lower case. */
  headers: Record<string, string>
  body: Buffer
}

/** Builds the response for an error of the catalogue. The detail of the error has no way into it. */
export function renderError(code: ErrorCode, wants: ErrorDetails): ErrorResponse {
  const form = forms[code]
  const retryAfter = secondsToWait(form, wants.retryAfter)
  const body = Buffer.from(wants.html ? page(form, wants, retryAfter) : problem(form, wants, retryAfter))
  const headers: Record<string, string> = {
    'content-type': wants.html ? 'text/html; charset=utf-8' : 'application/problem+json',
    'content-length': String(body.length),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': wants.html ? pagePolicy : problemPolicy,
  }
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter)
  return { status: form.entry.status, headers, body }
}

/**
 * Whether an Accept field asks for HTML before JSON. Only HTML by name counts: the Accept field of curl and
 * of most programs says that anything is welcome, and those are better served with a problem.
 */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined) return false
  let html = 0
  let json = 0
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    const weight = weightOf(parameters)
    if (type === 'text/html' || type === 'application/xhtml+xml') html = Math.max(html, weight)
    if (type === 'application/json' || type === 'application/problem+json') json = Math.max(json, weight)
  }
  return html > 0 && html >= json
}

// --- what of a response does not depend on the request, worked out once ---

interface ErrorForm {
  code: ErrorCode
  entry: ErrorEntry
  words: ErrorWords
  /** The page up to the refresh, from there to the text, and from the text to the request id. */
  beforeRefresh: string
  beforeText: string
  text: string
  ofService: readonly string[] | undefined
  beforeAgain: string
  beforeId: string
  problem: string
  waits: boolean
}

const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(errorStyle).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  // The start page shows sites in frames, and what is away has to say so there.
  "frame-ancestors 'self'",
].join('; ')
/** A problem is no page, whatever a browser is made to take it for. */
const problemPolicy = "default-src 'none'; frame-ancestors 'none'"

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const special = /[&<>"'`\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/
const eachSpecial = new RegExp(special, 'g')
const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

const afterId = '</code></footer></main></body></html>'

const forms = Object.fromEntries(
  (Object.keys(errors) as ErrorCode[]).map((code) => [code, prepare(code)]),
) as Record<ErrorCode, ErrorForm>

function prepare(code: ErrorCode): ErrorForm {
  const entry: ErrorEntry = errors[code]
  const words = errorWords[code]
  const waits = entry.status === 503 && entry.retryable
  const again = entry.retryable || entry.status === 401
  // A frame tries again in its frame, but never shows the start page inside itself.
  const links = `${again ? '<a href="">Try again</a>' : ''}<a href="/" target="_top">Start page</a>`
  return {
    code,
    entry,
    words,
    waits,
    beforeRefresh: `<!doctype html><html lang="en" data-code="${code}" data-side="${entry.side}"${waits ? ' class="waiting"' : ''}><head><meta charset="utf-8">`,
    beforeText: `<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex"><title>${escapeHtml(words.headline)}</title><style>${errorStyle}</style></head><body><main>${emblem}<p class="kind">Error ${entry.status}</p><h1>${escapeHtml(words.headline)}</h1><p>`,
    text: escapeHtml(entry.text),
    ofService: words.ofService?.split('{service}').map(escapeHtml),
    beforeAgain: `</p><p class="advice">${escapeHtml(words.advice)}</p>`,
    beforeId: `<p class="acts">${links}</p><footer>If you ask for help, quote this number:<br><code>`,
    problem: JSON.stringify({
      type: `urn:gatehouse:error:${code}`,
      title: STATUS_CODES[entry.status],
      status: entry.status,
      code,
      retryable: entry.retryable,
    }).slice(0, -1),
  }
}

// --- what does ---

function page(form: ErrorForm, wants: ErrorDetails, retryAfter: number | undefined): string {
  const waits = form.waits && retryAfter !== undefined
  const refresh = waits ? `<meta http-equiv="refresh" content="${retryAfter}">` : ''
  const again = waits ? `<p class="again">This page tries again by itself in ${inWords(retryAfter)}.</p>` : ''
  return (
    form.beforeRefresh +
    refresh +
    form.beforeText +
    textOf(form, wants) +
    form.beforeAgain +
    again +
    form.beforeId +
    escapeHtml(wants.requestId) +
    afterId
  )
}

function textOf(form: ErrorForm, wants: ErrorDetails): string {
  if (wants.message !== undefined) return escapeHtml(wants.message)
  if (wants.service === undefined || form.ofService === undefined) return form.text
  // <bdi>: a name written from right to left must not turn the sentence around it.
  return form.ofService.join(`<strong><bdi>${escapeHtml(wants.service)}</bdi></strong>`)
}

function problem(form: ErrorForm, wants: ErrorDetails, retryAfter: number | undefined): string {
  const detail =
    wants.message ??
    (wants.service === undefined
      ? undefined
      : form.words.ofService?.split('{service}').join(wants.service)) ??
    form.entry.text
  const rest = JSON.stringify({
    detail,
    request_id: wants.requestId,
    service: wants.service,
    retry_after: retryAfter,
  })
  return `${form.problem},${rest.slice(1)}\n`
}

/** Whole seconds, at least one: `Retry-After: 0` and a refresh of 0 would be a storm of requests. */
function secondsToWait(form: ErrorForm, asked: number | undefined): number | undefined {
  if (asked !== undefined && Number.isFinite(asked)) return Math.min(Math.max(Math.ceil(asked), 1), 604_800)
  if (!form.waits) return undefined
  return form.code === 'maintenance' || form.code === 'extension_broken' ? 60 : 5
}

function inWords(seconds: number): string {
  if (seconds === 1) return 'a second'
  if (seconds < 100) return `${seconds} seconds`
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`
  return `${Math.max(Math.round(seconds / 3600), 2)} hours`
}

function weightOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    if (!parameter.startsWith('q=')) continue
    const weight = Number(parameter.slice(2))
    return weight >= 0 && weight <= 1 ? weight : 0
  }
  return 1
}

/** Text that may stand between tags and in quoted attributes. Control characters become the replacement mark. */
function escapeHtml(text: string): string {
  if (!special.test(text)) return text
  return text.replace(eachSpecial, (character) => entities[character] ?? '\ufffd')
}
