import { data, encodeFields, flag, frame, frameType, headers } from '../../harness/http2-frames.ts'
import { smuggled } from './case.ts'

/** One case over HTTP/2: frames on stream 1 of a new connection. `requests` as in HTTP/1.1. */
export interface FrameCase {
  readonly name: string
  readonly says: string
  readonly frames: readonly Buffer[]
  readonly requests: number
  /** No upstream may get a head with this in it. */
  readonly absent?: RegExp
}

type Field = readonly [name: string, value: string]

interface Said {
  /** Pseudo-fields in place of the usual ones; undefined leaves one out. */
  pseudo?: Record<string, string | undefined>
  fields?: readonly Field[]
  body?: string
  trailers?: readonly Field[]
  requests?: number
  absent?: RegExp
}

const usual = { ':method': 'GET', ':scheme': 'https', ':authority': 'localhost', ':path': '/a' }

function row(name: string, says: string, said: Said = {}): FrameCase {
  const { pseudo = {}, fields = [], body, trailers, requests = 1, absent } = said
  const first = Object.entries({ ...usual, ...pseudo }).filter(
    (field): field is [string, string] => field[1] !== undefined,
  )
  const frames = [
    headers(1, [...first, ...fields], { endStream: body === undefined && trailers === undefined }),
  ]
  if (body !== undefined) frames.push(data(1, body, trailers === undefined))
  if (trailers !== undefined) frames.push(headers(1, trailers))
  return { name: `h2/${name}`, says, frames, requests, absent }
}

const malformed = (name: string, says: string, said: Said): FrameCase =>
  row(name, says, { ...said, requests: 0 })
/** The request may be served without the field, and not with any of it. */
const dropped = (name: string, says: string, field: Field): FrameCase =>
  row(name, says, { fields: [field], absent: /\r\n(x|x y)?: |smuggled|transfer-encoding/i })

const post = { ':method': 'POST' }

/** RFC 9113 §8: what a request may be made of. Frames and streams as such are the matter of test/conformance. */
export const http2Corpus: readonly FrameCase[] = [
  row('GET', 'a plain request'),
  row('POST', 'a body without a length', { pseudo: post, body: 'hello' }),
  row('POST with a length', 'a body with its length', {
    pseudo: post,
    fields: [['content-length', '5']],
    body: 'hello',
  }),
  row('POST of nothing', 'a body of no bytes', { pseudo: post, body: '' }),
  row('GET with a body', 'a request in the body of a GET', { body: smuggled }),
  row('HEAD with a body', 'a request in the body of a HEAD', {
    pseudo: { ':method': 'HEAD' },
    body: smuggled,
  }),
  row('DELETE with a body', 'a request in the body of a DELETE', {
    pseudo: { ':method': 'DELETE' },
    body: smuggled,
  }),
  row('trailers', 'fields behind the body', { pseudo: post, body: 'hello', trailers: [['x-check', '1']] }),
  row('trailers and no body', 'fields behind nothing', { pseudo: post, trailers: [['x-check', '1']] }),
  row('trailers with a pseudo-field', 'not in trailers (§8.1)', {
    pseudo: post,
    body: 'hello',
    trailers: [[':path', '/closed']],
  }),
  row('trailers with a length', 'framing in trailers', {
    pseudo: post,
    body: 'hello',
    trailers: [['content-length', '50']],
  }),
  row('length too short', 'more bytes than said (§8.1.1): H2.CL', {
    pseudo: post,
    fields: [['content-length', '0']],
    body: smuggled,
  }),
  row('length too long', 'fewer bytes than said', {
    pseudo: post,
    fields: [['content-length', '50']],
    body: 'hello',
  }),
  malformed('length and no body', 'a length without DATA', {
    pseudo: post,
    fields: [['content-length', '5']],
  }),
  malformed('two lengths', 'two that differ', {
    pseudo: post,
    fields: [
      ['content-length', '5'],
      ['content-length', '6'],
    ],
    body: 'hello',
  }),
  malformed('length with a sign', 'no number', {
    pseudo: post,
    fields: [['content-length', '+5']],
    body: 'hello',
  }),
  malformed('length in a list', 'two numbers', {
    pseudo: post,
    fields: [['content-length', '5, 5']],
    body: 'hello',
  }),
  malformed('Transfer-Encoding', 'a field of HTTP/1.1 (§8.2.2): H2.TE', {
    pseudo: post,
    fields: [['transfer-encoding', 'chunked']],
    body: `0\r\n\r\n${smuggled}`,
  }),
  malformed('Transfer-Encoding, identity', 'a field of HTTP/1.1', {
    pseudo: post,
    fields: [['transfer-encoding', 'identity']],
    body: 'hello',
  }),
  malformed('Connection', 'a field of HTTP/1.1', { fields: [['connection', 'close']] }),
  malformed('Keep-Alive', 'a field of HTTP/1.1', { fields: [['keep-alive', 'timeout=5']] }),
  malformed('Proxy-Connection', 'a field of HTTP/1.1', { fields: [['proxy-connection', 'keep-alive']] }),
  malformed('Upgrade', 'a field of HTTP/1.1', { fields: [['upgrade', 'websocket']] }),
  malformed('TE, gzip', 'TE says trailers or nothing', { fields: [['te', 'gzip']] }),
  row('TE, trailers', 'TE says trailers', { fields: [['te', 'trailers']] }),
  malformed('capitals in a name', 'names are in small letters (§8.2)', { fields: [['X-Capital', 'y']] }),
  dropped('empty name', 'a field of no name', ['', 'y']),
  dropped('blank in a name', 'no token', ['x y', 'z']),
  dropped('colon in a name', 'a field for HTTP/1.1', ['transfer-encoding: chunked\r\nx', 'y']),
  dropped('CRLF in a name', 'a field for HTTP/1.1', ['x: y\r\ntransfer-encoding', 'chunked']),
  dropped('CRLF in a value', 'a request for HTTP/1.1', ['x', `y\r\n\r\n${smuggled}`]),
  dropped('LF in a value', 'a field for HTTP/1.1', ['x', 'y\ntransfer-encoding: chunked']),
  dropped('CR in a value', 'a field for HTTP/1.1', ['x', 'y\rz']),
  dropped('NUL in a value', 'no text (§8.2.1)', ['x', 'y\0z']),
  dropped('blank before a value', 'no blank there (§8.2.1)', ['x', ' y']),
  dropped('blank behind a value', 'no blank there', ['x', 'y ']),
  row('high bytes in a value', 'obs-text', { fields: [['x', 'caf\xe9']] }),
  malformed('pseudo-field late', 'behind the others (§8.3)', {
    pseudo: { ':path': undefined },
    fields: [
      ['x', 'y'],
      [':path', '/a'],
    ],
  }),
  malformed('pseudo-field unknown', 'none of ours', { fields: [[':x', 'y']] }),
  malformed('pseudo-field of responses', 'a status in a request', { pseudo: { ':status': '200' } }),
  malformed('two paths', 'a path and a path', { fields: [[':path', '/closed']] }),
  malformed('no path', 'no path', { pseudo: { ':path': undefined } }),
  malformed('no method', 'no method', { pseudo: { ':method': undefined } }),
  malformed('no scheme', 'no scheme', { pseudo: { ':scheme': undefined } }),
  malformed('empty path', 'a path of nothing (§8.3.1)', { pseudo: { ':path': '' } }),
  malformed('path without a slash', 'no path', { pseudo: { ':path': 'a' } }),
  malformed('path *', 'for OPTIONS alone', { pseudo: { ':path': '*' } }),
  malformed('path with a blank', 'a request line for HTTP/1.1', {
    pseudo: { ':path': '/a HTTP/1.1\r\nx: y' },
  }),
  malformed('path with a blank alone', 'a blank', { pseudo: { ':path': '/a b' } }),
  malformed('path with CRLF', 'a request for HTTP/1.1', { pseudo: { ':path': `/a\r\n\r\n${smuggled}` } }),
  malformed('path with NUL', 'no text', { pseudo: { ':path': '/a\0b' } }),
  malformed('path with a fragment', 'fragments are not sent', { pseudo: { ':path': '/a#b' } }),
  malformed('path with raw UTF-8', 'no ASCII', { pseudo: { ':path': '/caf\xc3\xa9' } }),
  row('path absolute', 'an address for a path', { pseudo: { ':path': 'http://other/closed' }, requests: 0 }),
  row('path //closed', 'two slashes', { pseudo: { ':path': '//closed' } }),
  row('path /a/../closed', 'dots', { pseudo: { ':path': '/a/../closed' } }),
  row('path /%63losed', 'an escape', { pseudo: { ':path': '/%63losed' } }),
  row('path /closed', 'what is closed', { pseudo: { ':path': '/closed' } }),
  malformed('path /a%2fclosed', 'a slash, escaped', { pseudo: { ':path': '/a%2fclosed' } }),
  malformed('no authority', 'no host at all', { pseudo: { ':authority': undefined } }),
  row('host alone', 'Host for :authority', {
    pseudo: { ':authority': undefined },
    fields: [['host', 'localhost']],
  }),
  row('host, equal', 'both, and equal', { fields: [['host', 'localhost']] }),
  malformed('host, other', 'both, and they differ (§8.3.1)', { fields: [['host', 'other']] }),
  malformed('two hosts', 'two hosts', {
    fields: [
      ['host', 'localhost'],
      ['host', 'localhost'],
    ],
  }),
  malformed('authority empty', 'a host of nothing', { pseudo: { ':authority': '' } }),
  malformed('authority with userinfo', 'somebody at it (§8.3.1)', {
    pseudo: { ':authority': 'user@localhost' },
  }),
  malformed('authority with a path', 'a path in the host', { pseudo: { ':authority': 'localhost/closed' } }),
  malformed('authority with CRLF', 'a field for HTTP/1.1', { pseudo: { ':authority': 'localhost\r\nx: y' } }),
  row('scheme http', 'the other scheme', { pseudo: { ':scheme': 'http' } }),
  row('scheme ftp', 'a scheme that is not ours', { pseudo: { ':scheme': 'ftp' } }),
  row('scheme with an address', 'an address for a scheme', {
    pseudo: { ':scheme': 'https://other/closed?' },
  }),
  row('method FOO', 'a method of somebody', { pseudo: { ':method': 'FOO' } }),
  row('method get', 'methods have a case', { pseudo: { ':method': 'get' } }),
  malformed('method with a blank', 'a request line for HTTP/1.1', {
    pseudo: { ':method': 'GET /closed HTTP/1.1\r\nx: y\r\n\r\nGET' },
  }),
  malformed('method empty', 'no method', { pseudo: { ':method': '' } }),
  row('TRACE', 'it would echo what it must not', { pseudo: { ':method': 'TRACE' } }),
  malformed('CONNECT', 'a tunnel (§8.5)', {
    pseudo: { ':method': 'CONNECT', ':scheme': undefined, ':path': undefined, ':authority': 'internal:22' },
  }),
  malformed('CONNECT, extended', 'a WebSocket that we have not offered (RFC 8441)', {
    pseudo: { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/ws' },
  }),
  row('cookies split', 'two Cookie fields (§8.2.3)', {
    fields: [
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
    ],
  }),
  row('Authorization twice', 'two credentials', {
    fields: [
      ['authorization', 'Basic YTpi'],
      ['authorization', 'Basic YTpj'],
    ],
  }),
  row('150 fields', 'many fields', {
    fields: Array.from({ length: 150 }, (_, i) => [`x-${i}`, 'y'] as const),
  }),
  row('Expect', 'a body that waits', { pseudo: post, fields: [['expect', '100-continue']], body: 'hello' }),
  row('X-Forwarded-For', 'who we are', { fields: [['x-forwarded-for', '10.0.0.5']] }),
  {
    name: 'h2/DATA padded',
    says: 'padding is no part of the body',
    frames: [
      headers(1, Object.entries({ ...usual, ':method': 'POST' }), { endStream: false }),
      frame(
        frameType.data,
        flag.endStream | flag.padded,
        1,
        Buffer.concat([Buffer.from([43]), Buffer.from('hello'), Buffer.from(smuggled.slice(0, 43))]),
      ),
    ],
    requests: 1,
  },
  {
    name: 'h2/CONTINUATION',
    says: 'a head in three frames',
    frames: continued([...Object.entries(usual), ['x', 'y'.repeat(50)]]),
    requests: 1,
  },
]

function continued(fields: readonly Field[]): Buffer[] {
  const block = encodeFields(fields)
  return [
    frame(frameType.headers, flag.endStream, 1, block.subarray(0, 20)),
    frame(frameType.continuation, 0, 1, block.subarray(20, 40)),
    frame(frameType.continuation, flag.endHeaders, 1, block.subarray(40)),
  ]
}
