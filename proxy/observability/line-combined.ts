import type { ExchangeRecord } from './exchange-record.ts'
import { hideFieldValue } from './header-json.ts'
import { redactUrl } from './redaction.ts'

type Told = 'clientAddress' | 'user' | 'startedAt' | 'method' | 'uri' | 'protocol' | 'status' | 'bytesSent'

/**
 * One exchange as a line of Apache's combined format, for fail2ban and GoAccess. The client is the one behind
 * trusted proxies.
 *
 * A client that could write a quote, a line break or a blank where a reader splits could forge lines of other
 * clients and have them banned: what it sent is escaped as `\xhh`.
 */
export function combinedLine(
  record: Pick<ExchangeRecord, Told | 'requestHeaders'>,
  keepQuery: boolean,
): string {
  const { requestHeaders, method, protocol } = record
  const uri = redactUrl(record.uri, keepQuery)
  const referer = hideFieldValue('referer', firstField(requestHeaders, 'referer'), keepQuery)
  const agent = firstField(requestHeaders, 'user-agent')
  return `${word(record.clientAddress)} - ${word(record.user ?? '')} [${clock(record.startedAt)}] "${word(method)} ${quoted(uri)} ${word(protocol)}" ${record.status} ${record.bytesSent} "${quoted(referer)}" "${quoted(agent)}"\n`
}

/** The same with long texts cut, for where a line has a longest length. An escape takes four characters for one. */
export function shortCombinedLine(record: ExchangeRecord, keepQuery: boolean): string {
  const cut = (name: string) => {
    // Hidden before it is cut: half a parameter might not be known for what it is.
    const value = hideFieldValue(name, firstField(record.requestHeaders, name), keepQuery)
    return [name, value.slice(0, 200)]
  }
  const { clientAddress, startedAt, status, bytesSent, protocol } = record
  return combinedLine(
    {
      clientAddress,
      startedAt,
      status,
      bytesSent,
      protocol,
      method: record.method.slice(0, 30),
      user: record.user?.slice(0, 100),
      uri: redactUrl(record.uri, keepQuery).slice(0, 300),
      requestHeaders: [...cut('referer'), ...cut('user-agent')],
    },
    keepQuery,
  )
}

// --- internal ---

/** Empty where there is none. */
function firstField(raw: readonly string[], lowerCaseName: string): string {
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    if (name.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName)
      return raw[i + 1] as string
  }
  return ''
}

const unusualInQuotes = /["\\]|[^\x20-\x7e]/g
const unusualInWord = /["\\[\]]|[^\x21-\x7e]/g

/** Between quotes. An empty one is `-`, as everybody writes it. */
function quoted(text: string): string {
  return text === '' ? '-' : text.replace(unusualInQuotes, escaped)
}

/** Where blanks divide. */
function word(text: string): string {
  return text === '' ? '-' : text.replace(unusualInWord, escaped)
}

/** Node reads header bytes as Latin-1, so that most characters are the one byte that was sent. */
function escaped(character: string): string {
  const bytes = character.charCodeAt(0) <= 0xff ? Buffer.from(character, 'latin1') : Buffer.from(character)
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
let clockSecond = Number.NaN
let clockText = ''

/** `10/Oct/2026:13:55:36 +0000`, written once a second. */
function clock(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000)
  if (second === clockSecond) return clockText
  const time = new Date(second * 1000)
  const date = `${two(time.getUTCDate())}/${months[time.getUTCMonth()]}/${time.getUTCFullYear()}`
  clockText = `${date}:${two(time.getUTCHours())}:${two(time.getUTCMinutes())}:${two(time.getUTCSeconds())} +0000`
  clockSecond = second
  return clockText
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}
