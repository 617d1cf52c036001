/** One part of a body. What its fields do not say is an empty string. */
export interface Part {
  readonly name: string
  readonly filename: string
  readonly type: string
  readonly contentId: string
  readonly content: Buffer
}

/** More parts than any device sends, and more boundary lines; the rest is one part, so that nothing gets lost. */
const [mostParts, mostLines] = [64, 256]
const longestHead = 16_384
const boundaryForm = /^multipart\/[\w.+-]+\s*;.*?\bboundary\s*=\s*(?:"([^"]{1,200})"|([^\s;,"]{1,200}))/is

/** The boundary that a Content-Type names, or that the body begins with, or undefined: then it is not multipart. */
export function boundaryOf(type: string, body: Buffer): string | undefined {
  const found = boundaryForm.exec(type)
  const named = found?.[1] ?? found?.[2]
  // Some firmware names one boundary and writes another.
  if (named !== undefined && body.includes(`--${named}`)) return named
  const begin = /^\s*--([\w'()+_,./:=?-]{1,200})[ \t]*\r?\n/.exec(body.toString('latin1', 0, 512))
  return begin?.[1]
}

/**
 * Splits what devices send as multipart. It accepts what libraries for forms refuse, because refusing loses events:
 * boundary lines that come twice, bare line feeds, no last boundary, fields without quotes, no space after a semicolon,
 * and heads that are repeated within the part.
 */
export function splitMultipart(body: Buffer, boundary: string): Part[] {
  const mark = Buffer.from(`--${boundary}`, 'latin1')
  const parts: Part[] = []
  const indented = blanksBefore(body)
  let at = startsWith(body, mark, indented) ? indented : nextLine(body, mark, 0)
  for (let lines = 1; at !== undefined; lines += 1) {
    const begin = endOfLine(body, at + mark.length)
    // The last boundary has two more dashes; some devices go on behind it all the same.
    const { part, next } = readPart(body, begin, mark, parts.length + 1 >= mostParts || lines >= mostLines)
    if (part.content.length > 0 || part.type !== '') parts.push(part)
    at = next
  }
  return parts
}

// --- internal ---

function readPart(
  body: Buffer,
  begin: number,
  mark: Buffer,
  isLast: boolean,
): { part: Part; next: number | undefined } {
  // A boundary line right behind another: there is no part in between.
  if (startsWith(body, mark, begin)) return { part: empty, next: isLast ? undefined : begin }
  const head = readHead(body, begin)
  const declared = Number(/^content-length:\s*(\d{1,10})\s*$/im.exec(head.text)?.[1] ?? Number.NaN)
  const whole = head.end + declared
  // A picture may hold the boundary by chance, so its length is believed where a boundary or the end follows.
  const isDeclared = declared >= 0 && whole <= body.length && isEnd(body, mark, whole)
  const next = isLast ? undefined : nextLine(body, mark, isDeclared ? whole : head.end)
  const stop = isDeclared ? whole : lineBefore(body, next ?? body.length, head.end)
  const repeated = readHead(body, head.end)
  const from = looksLikeHead(repeated.text) && repeated.end <= stop ? repeated.end : head.end
  return { part: { ...fieldsOf(head.text), content: body.subarray(from, Math.max(from, stop)) }, next }
}

const empty: Part = { name: '', filename: '', type: '', contentId: '', content: Buffer.alloc(0) }

/** The lines up to an empty one. Without an empty line there is no head. */
function readHead(body: Buffer, begin: number): { text: string; end: number } {
  const text = body.toString('latin1', begin, Math.min(body.length, begin + longestHead))
  const found = /^(?:[\w-]+:[^\n]*\n)*?\r?\n/.exec(text)
  if (!found) return { text: '', end: begin }
  return { text: found[0], end: begin + found[0].length }
}

function looksLikeHead(text: string): boolean {
  return /^content-(type|disposition|length|id):/im.test(text)
}

function fieldsOf(head: string): Omit<Part, 'content'> {
  const field = (name: string) =>
    new RegExp(`^${name}:[ \\t]*([^\\r\\n]*)`, 'im').exec(head)?.[1]?.trim() ?? ''
  const disposition = field('content-disposition')
  const parameter = (name: string) => {
    const found = new RegExp(`(?:^|[;\\s])${name}\\s*=\\s*(?:"([^"]*)"|([^\\s;"]*))`, 'i').exec(disposition)
    return Buffer.from(found?.[1] ?? found?.[2] ?? '', 'latin1').toString('utf8')
  }
  return {
    name: parameter('name'),
    filename: parameter('filename'),
    type: field('content-type').toLowerCase(),
    contentId: field('content-id').replace(/^<|>$/g, ''),
  }
}

/** Where the mark stands next at the start of a line. */
function nextLine(body: Buffer, mark: Buffer, from: number): number | undefined {
  for (let at = body.indexOf(mark, from); at >= 0; at = body.indexOf(mark, at + 1)) {
    if (at === 0 || body[at - 1] === 0x0a) return at
  }
  return undefined
}

/** How many bytes stand before a first boundary that is indented. */
function blanksBefore(body: Buffer): number {
  const first = body.findIndex((byte) => byte !== 0x20 && byte !== 0x0d && byte !== 0x09)
  return Math.max(0, first)
}

function startsWith(body: Buffer, mark: Buffer, at: number): boolean {
  return body.subarray(at, at + mark.length).equals(mark)
}

function endOfLine(body: Buffer, from: number): number {
  const at = body.indexOf(0x0a, from)
  return at < 0 ? body.length : at + 1
}

/** Without the line end that belongs to the boundary behind it. */
function lineBefore(body: Buffer, end: number, from: number): number {
  if (end > from && body[end - 1] === 0x0a) end -= 1
  if (end > from && body[end - 1] === 0x0d) end -= 1
  return end
}

/** Whether a part may end there: at the end of all, or with a line end and the next boundary behind it. */
function isEnd(body: Buffer, mark: Buffer, at: number): boolean {
  let rest = at
  while (rest < body.length && rest < at + 4 && (body[rest] === 0x0d || body[rest] === 0x0a)) rest += 1
  return rest === body.length || (startsWith(body, mark, rest) && rest > at)
}
