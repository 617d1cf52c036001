import type { Transform } from 'node:stream'
import zlib from 'node:zlib'
import Negotiator from 'negotiator'
import type { PolicyOptions } from '../../config/policy-schemas.ts'
import type { Facts } from '../facts.ts'
import type { Policy, ResponseHead, ResponseHeaders } from './policy.ts'

const { constants } = zlib

/**
 * Compresses text on its way to a client that can read it: zstd, Brotli or gzip, as the route prefers.
 *
 * BREACH: where a page holds a secret and repeats something from the request, the length of its compressed
 * form tells an observer how alike the two are, byte by byte. That is why compression belongs to a route and
 * is no default: leave it off where pages carry both, or have the service mask its tokens anew in each page.
 */
export function compress(options: PolicyOptions<'compress'>): Policy {
  const available = options.codings.filter(
    (name) => name !== 'zstd' || typeof zlib.createZstdCompress === 'function',
  )
  return {
    name: 'compress',
    mode: options.mode,
    encodeBody: function compress(facts, head) {
      if (!isCompressible(head.headers)) return undefined
      // A cache must know even of the plain form that another client may be sent another one.
      addToVary(head.headers)
      if (facts.method === 'HEAD' || facts.upgrade || !statusesWithBody.has(head.status)) return undefined
      const declared = head.headers['content-length']
      const length = declared === undefined ? undefined : Number(declared)
      if (length !== undefined && length < options.minSize) return undefined
      const coding = negotiate(facts, available)
      if (coding === undefined) return undefined
      describeCoding(head, coding)
      return encoders[coding](length)
    },
  }
}

type Coding = 'zstd' | 'br' | 'gzip'

/** A 206 is a part of the plain form, a 304 has no body, and the rest are too short to gain by it. */
const statusesWithBody = new Set([200, 201, 202, 203, 207])

/** Whitelisted: what is not known to shrink, or has to flow line by line (event streams, ndjson, gRPC), stays as it is. */
const compressibleType =
  /^(text\/(?!event-stream)[\w.+-]+|application\/(javascript|x-javascript|ecmascript|json|xml|wasm|rtf|vnd\.ms-fontobject|(?!stream\+|grpc)[\w.-]+\+(json|xml|text))|image\/(svg\+xml|bmp|x-icon|vnd\.microsoft\.icon)|font\/(ttf|otf|collection))$/

function isCompressible(headers: ResponseHeaders): boolean {
  const type = textOf(headers['content-type']).split(';', 1)[0]?.trim().toLowerCase()
  if (!type || !compressibleType.test(type)) return false
  if (headers['content-encoding'] !== undefined || headers['content-range'] !== undefined) return false
  return !/(^|[\s,])no-transform([\s,]|$)/i.test(textOf(headers['cache-control']))
}

function negotiate(facts: Facts, available: readonly Coding[]): Coding | undefined {
  const accepted = facts.headers.all('accept-encoding').join(',')
  if (accepted === '') return undefined
  // Its types lag behind it: `preferred` decides between codings that the client likes equally.
  const negotiator = new Negotiator({ headers: { 'accept-encoding': accepted } }) as unknown as {
    encodings(available: readonly string[], options: { preferred: readonly string[] }): string[]
  }
  const [best] = negotiator.encodings([...available, 'identity'], { preferred: available })
  return available.find((coding) => coding === best)
}

/** Fields that speak of the bytes of the plain form are weakened or leave (RFC 9110 §8.8.3, RFC 9530). */
function describeCoding({ headers }: ResponseHead, coding: Coding): void {
  headers['content-encoding'] = coding
  for (const name of [
    'content-length',
    'accept-ranges',
    'content-md5',
    'digest',
    'content-digest',
    'repr-digest',
  ])
    delete headers[name]
  const tag = headers.etag
  if (typeof tag === 'string' && tag.startsWith('"')) headers.etag = `W/${tag}`
}

/**
 * A body of unknown length may be one that is made as it goes, so each piece from the upstream is flushed and
 * can be read at once; that costs a few bytes a piece. A body of known length is whole already: no flush.
 * Windows are kept to 512 KB to 1 MB, because every response under way holds one.
 */
const encoders: Readonly<Record<Coding, (length: number | undefined) => Transform>> = {
  gzip: (length) =>
    zlib.createGzip({
      level: 5,
      flush: length === undefined ? constants.Z_SYNC_FLUSH : constants.Z_NO_FLUSH,
    }),
  br: (length) =>
    zlib.createBrotliCompress({
      flush: length === undefined ? constants.BROTLI_OPERATION_FLUSH : constants.BROTLI_OPERATION_PROCESS,
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 4,
        [constants.BROTLI_PARAM_LGWIN]: 19,
        [constants.BROTLI_PARAM_SIZE_HINT]: Math.min(length ?? 0, 2 ** 30),
      },
    }),
  zstd: (length) =>
    zlib.createZstdCompress({
      flush: length === undefined ? constants.ZSTD_e_flush : constants.ZSTD_e_continue,
      params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_windowLog]: 20 },
    }),
}
function addToVary(headers: ResponseHeaders): void {
  const old = textOf(headers.vary)
  const names = old
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
  if (names.includes('*') || names.includes('accept-encoding')) return
  headers.vary = old === '' ? 'Accept-Encoding' : `${old}, Accept-Encoding`
}

function textOf(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(', ') : (value ?? '')
}
