import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { type RequestOptions, request as requestHttp1 } from 'node:http'
import { connect } from 'node:http2'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, describe, test } from 'node:test'
import { startUpstream } from '../harness/upstream.ts'
import { peakMemory, startServing } from './command.ts'

/**
 * Bodies of a gigabyte pass through, byte for byte, and the proxy holds no more than a few of their pieces: its
 * memory does not grow with them. Nothing of them is on a disk or in the memory of this test either.
 */

const t = { after }
const mb = 1024 ** 2
/** Each end of it looks different, so that no piece can be lost or change places without a different digest. */
const block = randomBytes(mb)
const digests = new Map<number, Promise<string>>()

/** Answers the digest of what arrived, or a body of as many bytes as the query asks for. */
const upstream = await startUpstream(t, (request, response) => {
  const size = Number(new URL(request.url ?? '', 'http://upstream').searchParams.get('size'))
  if (size > 0) {
    response.setHeader('content-length', size)
    pipeline(bodyOf(size), response).catch(() => {})
  } else digestOf(request).then((digest) => response.end(digest))
})
const gatehouse = await startServing(
  t,
  `
listeners:
  http: { port: 0, address: 127.0.0.1 }
  https: { port: 0, address: 127.0.0.1 }
admin: { port: 0 }
workers: 1
upstreams: { store: { targets: ["${upstream.url}"] } }
routes: [{ name: store, to: store, listeners: [http, https] }]
`,
)
const plain = gatehouse.url('http')
const secure = gatehouse.url('https')

describe('memory stays where it was', () => {
  const rows: [what: string, transfer: (size: number) => Promise<string>, size: number][] = [
    ['an upload over HTTP/1.1', uploadHttp1, 1024 * mb],
    ['a download over HTTP/1.1', downloadHttp1, 1024 * mb],
    ['an upload over HTTP/2', uploadHttp2, 256 * mb],
    ['a download over HTTP/2', downloadHttp2, 256 * mb],
  ]
  for (const [what, transfer, size] of rows)
    test(`${what} of ${size / mb} MB`, { timeout: 120_000 }, async (t) => {
      assert.equal(await transfer(32 * mb), await expected(32 * mb))
      const before = peakMemory(gatehouse)
      const began = performance.now()
      const transferred = await transfer(size)
      const seconds = (performance.now() - began) / 1000
      assert.equal(transferred, await expected(size))
      const grown = peakMemory(gatehouse) - before
      t.diagnostic(
        `peak memory grew by ${Math.round(grown / mb)} MB, ${Math.round(size / mb / seconds)} MB/s`,
      )
      assert.ok(grown < 96 * mb, `it grew by ${Math.round(grown / mb)} MB`)
    })
})

function bodyOf(size: number): Readable {
  let left = size / block.length
  return new Readable({
    highWaterMark: 4,
    read() {
      if (left === 0) return void this.push(null)
      const piece = Buffer.from(block)
      piece.writeUInt32BE(left--)
      this.push(piece)
    },
  })
}

/** Worked out once of each size: a gigabyte of it takes seconds. */
function expected(size: number): Promise<string> {
  const digest = digests.get(size) ?? digestOf(bodyOf(size))
  digests.set(size, digest)
  return digest
}

/** Bytes and digest: `1024 a1b2…`. */
async function digestOf(body: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha1')
  let bytes = 0
  for await (const chunk of body) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return `${bytes} ${hash.digest('hex')}`
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const chunk of body) text += chunk
  return text
}

function uploadHttp1(size: number): Promise<string> {
  return askHttp1('/', { method: 'POST', headers: { 'content-length': size } }, bodyOf(size), textOf)
}

function downloadHttp1(size: number): Promise<string> {
  return askHttp1(`/?size=${size}`, {}, Readable.from([]), digestOf)
}

function askHttp1(
  path: string,
  options: RequestOptions,
  body: Readable,
  read: (body: AsyncIterable<Buffer>) => Promise<string>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = requestHttp1(plain + path, { agent: false, ...options }, (response) =>
      read(response).then(resolve, reject),
    )
    request.on('error', reject)
    body.pipe(request)
  })
}

async function uploadHttp2(size: number): Promise<string> {
  const session = connect(secure, { rejectUnauthorized: false })
  const stream = session.request({ ':method': 'POST', ':path': '/' })
  bodyOf(size).pipe(stream)
  return textOf(stream).finally(() => session.destroy())
}

async function downloadHttp2(size: number): Promise<string> {
  const session = connect(secure, { rejectUnauthorized: false, settings: { initialWindowSize: mb } })
  session.once('connect', () => session.setLocalWindowSize(4 * mb))
  const stream = session.request({ ':path': `/?size=${size}` })
  return digestOf(stream).finally(() => session.destroy())
}
