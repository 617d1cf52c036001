import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { makeNetwork } from '../harness/network.ts'
import { needs, pathOf } from '../harness/parts.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { startShipped } from './shipped.ts'

/** Who gets into /close of the shipped routes.yaml: hosts with addresses of their own knock at its three doors. */

const { proxy, folder, admin, password } = await startShipped({ after })
const port = proxy.port('https')
const secret = 'You are inside'

describe('the closed room', { ...needs('netns', 'curl') }, () => {
  const clients: [address: string, isIn: boolean][] = [
    ['192.168.1.1', true],
    ['192.168.1.254', true],
    ['192.168.2.1', false],
    ['192.168.0.255', false],
    ['10.0.0.5', true],
    ['10.0.0.4', false],
    ['10.0.0.50', false],
    ['203.0.113.9', false],
  ]
  const network = needs('netns').skip
    ? undefined
    : makeNetwork(
        { after },
        clients.map(([address]) => address),
      )

  /** Asks with curl, from one of the addresses. Answers the status and the body. */
  async function curl(from: string, ...options: string[]): Promise<{ status: number; body: string }> {
    if (network === undefined) throw new Error('there is no network')
    const resolve = `localhost:${port}:${network.server}`
    const text = await network.run(
      pathOf('curl'),
      '-sk',
      '--max-time',
      '10',
      '--interface',
      from,
      '--resolve',
      resolve,
      '-w',
      '\n%{http_version} %{http_code}',
      ...options,
      `https://localhost:${port}/close/`,
    )
    const [, body = '', status] = /^([\s\S]*)\n\S+ (\d+)$/.exec(text) ?? []
    return { status: Number(status), body }
  }
  const upgrade = [
    '--http1.1',
    '-H',
    'Connection: Upgrade',
    '-H',
    'Upgrade: websocket',
    '-H',
    'Sec-WebSocket-Version: 13',
    '-H',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ]
  const doors: [name: string, options: string[]][] = [
    ['HTTP/1.1', ['--http1.1']],
    ['HTTP/2', ['--http2']],
    ['an upgrade', upgrade],
  ]

  for (const [address, isIn] of clients)
    test(`${isIn ? 'opens' : 'stays shut'} for ${address}, over every door`, async () =>
      void (await Promise.all(
        doors.map(async ([door, options]) => {
          const stranger = await curl(address, ...options)
          assert.equal(stranger.status, isIn ? 401 : 403, door)
          const known = await curl(address, ...options, '-u', `admin:${password}`)
          assert.equal(known.status, isIn ? 200 : 403, door)
          assert.equal(known.body.includes(secret), isIn, door)
        }),
      )))

  test('stays shut for a guesser, over every door', async () =>
    void (await Promise.all(
      doors.map(async ([door, options]) => {
        const { status, body } = await curl('10.0.0.5', ...options, '-u', 'admin:guessed')
        assert.deepEqual([status, body.includes(secret)], [401, false], door)
      }),
    )))

  test('a client cannot say that it comes from somewhere else', async () => {
    for (const field of ['X-Forwarded-For: 10.0.0.5', 'X-Real-IP: 127.0.0.1', 'Forwarded: for=192.168.1.1']) {
      const { status } = await curl('203.0.113.9', '-u', `admin:${password}`, '-H', field)
      assert.equal(status, 403, field)
    }
  })

  test('the log of the room names the real address, the policy and the reason, and no password', async () => {
    await curl('203.0.113.9', '-u', `admin:${password}`)
    const text = await eventually(async () => {
      const now = await readFile(join(folder, 'data/logs/close.log'), 'utf8')
      return now.includes('"client_ip":"203.0.113.9"') && now
    })
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const refused = lines.filter((line) => line.request.client_ip === '203.0.113.9')
    for (const line of refused) {
      assert.deepEqual(
        [line.status, line.router, line.deny_policy, line.error],
        [403, 'close', 'allow', 'address_denied'],
      )
      assert.match(line.deny_reason, /203\.0\.113\.9/)
    }
    assert.ok(!text.includes(password))
    assert.ok(!text.includes(admin.slice('Basic '.length)))
  })
})

/** Other ways to write /close, each byte for byte, from an address that is in, without a password. */
describe('no other spelling of the address opens the closed room', () => {
  const spellings = String.raw`
    //close/ ///close/ /./close/ /close/. /close// /close/./index.html /%63lose/ /clos%65/ /%2563lose/ /close. /close./
    /open/../close/ /open/%2e%2e/close/ /open/..%2fclose/ /open%2f..%2fclose/ /open/..;/close/ /open/../close/index.html
    /close;x/ /close;x=1/index.html /close/;x /;/close/ /CLOSE/ /Close/index.html /cLoSe /close%00/ /close%20/ /close%09/
    /close?/ /close/? /close%3f/ /close%23 /close# /close\ \close/ /open\..\close/ /%5cclose/ /open/%5c../close/ /..%5cclose/
    /close%2findex.html /close%2Findex.html /close/index.html/ /close/index.html;x /close/%69ndex.html /open/close/ * close/
    /%c0%afclose/ /%ef%bc%8fclose/ /close/..%2fclose/ /close/../close/ /x/../../close/ /../close/ /%2e/close/ /%2e%2e/close/
    https://localhost/close/ https://other/close/ /close/index.html%00.css /house.css/../close/index.html /../close/index.html
    /open/%252e%252e/close/ /services/sites/close/index.html /main/../close/ /open/..%00/close/ /open/.%2e/close/ /.//close/
  `
    .trim()
    .split(/\s+/)
    .concat('/\xef\xbc\x8fclose/', '/close\t/', '/\xc0\xafclose/', '/ close/', '/close/ ')

  const handshake =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  for (const [door, fields] of [
    ['HTTP/1.1', 'Connection: close'],
    ['an upgrade', handshake],
  ])
    test(`over ${door}`, async () =>
      void (await Promise.all(
        spellings.map(async (path) => {
          const bytes = `GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\n${fields}\r\n\r\n`
          const { text, statuses } = await rawRequest(port, bytes, { tls: true })
          assert.ok(!text.includes(secret), `${path} gave the closed page`)
          assert.ok([400, 401, 404].includes(statuses[0] ?? 0), `${path} is ${text.slice(0, 60)}`)
        }),
      )))

  test('over HTTP/2', async (t) => {
    const client = await connectHttp2(t, port)
    const rows = spellings.map(async (path) => {
      // What no path may hold at all is refused as a fault of the frame (RFC 9113 §8.3.1).
      const refused = { status: 400, text: '' }
      const { status, text } = await client.request(path).catch((error: Error) => {
        assert.match(error.message, /NGHTTP2_PROTOCOL_ERROR/, path)
        return refused
      })
      assert.ok(!text.includes(secret), `${path} gave the closed page`)
      assert.ok([400, 401, 404].includes(status), `${path} is ${status}`)
    })
    await Promise.all(rows)
  })
})
