import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { request } from '../harness/request.ts'
import { headlineOf, startShipped } from './shipped.ts'

/** The three sites of the shipped routes.yaml, over real sockets. */

const { proxy, folder, admin } = await startShipped({ after })
const https = proxy.url('https')
const http = proxy.url('http')
const host = `localhost:${proxy.port('https')}`
const html = 'text/html,application/xhtml+xml,*/*;q=0.8'

describe('the sites', () => {
  test('the start page frames the three sites', async () => {
    const { status, text } = await request(`${https}/`, { headers: { host, accept: html } })
    assert.equal(status, 200)
    const frames = [...text.matchAll(/<iframe (?:data-)?src="([^"]+)"/g)].map((found) => found[1])
    assert.deepEqual(frames, ['/open/', '/close/', '/flask/swagger/'])
  })

  const rows: [path: string, authorization: string | undefined, status: number, headline: string][] = [
    ['/open/', undefined, 200, 'Come in, the door is open'],
    ['/open', undefined, 308, ''],
    ['/close/', undefined, 401, 'Your name, please'],
    ['/close/', 'Basic YWRtaW46d3Jvbmc=', 401, 'That name and password do not fit'],
    ['/close/', admin, 200, 'You are inside'],
    ['/close', admin, 308, ''],
    ['/nowhere', undefined, 404, 'Not on any shelf'],
  ]
  for (const [path, authorization, status, headline] of rows) {
    const who = authorization === undefined ? 'anybody' : authorization === admin ? 'admin' : 'a guesser'
    for (const version of ['HTTP/1.1', 'HTTP/2'])
      test(`${path} is ${status} for ${who} over ${version}`, async (t) => {
        const headers = { accept: html, ...(authorization && { authorization }) }
        const reply =
          version === 'HTTP/1.1'
            ? await request(https + path, { headers: { host, ...headers } })
            : await (await connectHttp2(t, proxy.port('https'))).request(path, { headers })
        assert.equal(reply.status, status)
        assert.equal(headlineOf(reply.text), headline)
        if (status === 401)
          assert.equal(reply.headers['www-authenticate'], 'Basic realm="The closed room", charset="UTF-8"')
        if (status === 308) assert.equal(reply.headers.location, `${path}/`)
      })
  }

  test('a page of theirs may be framed by the start page, and by nobody else', async () => {
    for (const path of ['/open/', '/close/', '/nowhere']) {
      const { headers } = await request(https + path, {
        headers: { host, accept: html, authorization: admin },
      })
      assert.equal(headers['x-frame-options'], 'SAMEORIGIN', path)
    }
  })
})

describe('plain HTTP', () => {
  const rows: [method: string, path: string][] = [
    ['GET', '/'],
    ['GET', '/close/?from=here&x=%20'],
    ['POST', '/flask/auth/login'],
    ['HEAD', '/open/'],
  ]
  for (const [method, path] of rows)
    test(`${method} ${path} is sent to https, whole`, async () => {
      const reply = await request(http + path, {
        method,
        headers: { host: `localhost:${proxy.port('http')}` },
      })
      assert.equal(reply.status, 308)
      assert.equal(reply.headers.location, `https://${host}${path}`)
    })

  test('what is not served by any of its routes is not served by way of an upgrade either', async () => {
    const reply = await request(`${http}/close/`, {
      headers: {
        host,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
    })
    assert.equal(reply.status, 404)
  })
})

test('each site has an access log of its own, with the address of its client', async () => {
  await request(`${https}/?mark=main`, { headers: { host } })
  await request(`${https}/open/?mark=open`, { headers: { host } })
  await request(`${https}/close/?mark=close`, { headers: { host, authorization: admin } })
  for (const site of ['main', 'open', 'close']) {
    const lines = await eventually(async () => {
      const text = await readFile(join(folder, `data/logs/${site}.log`), 'utf8')
      return (
        text.includes(`mark=${site}`) &&
        text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      )
    })
    assert.deepEqual([...new Set(lines.map(({ router }) => router))], [site])
    assert.deepEqual([...new Set(lines.map((line) => line.request.client_ip))], ['127.0.0.1'])
  }
})
