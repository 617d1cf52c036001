/**
 * Whoever is put out is put out of what is open, too.
 *
 * Fault: a password that was changed and a session that was signed out closed the door for new requests alone. A tunnel
 * to a desktop, or an event stream, that was opened with a stolen one before went on for as long as its thief liked.
 */
import assert from 'node:assert/strict'
import { rename, writeFile } from 'node:fs/promises'
import { connect } from 'node:http2'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { SignJWT } from 'jose'
import { withdrawalsEvery } from '../../proxy/cluster/old-tunnels.ts'
import { eventually } from '../harness/eventually.ts'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import { onEnd } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'

const t = { after }
const folder = await tempFolder(t)
/** As editors and services do: whole, and at once. */
async function put(name: string, text: string): Promise<void> {
  await writeFile(join(folder, `${name}.new`), text)
  await rename(join(folder, `${name}.new`), join(folder, name))
}

const correctHorse = '$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e'
const otherPassword = '$apr1$qHDFfhPC$wFuXqUyEx.HDThc.cTdtm1'
const everybody = ['gone', 'renewed', 'stays', 'watched'].map((name) => `${name}:${correctHorse}\n`).join('')
await put('users', everybody)

const secret = 'a secret that is long enough for a token that is signed with it'
const tokenOf = (sid: string): Promise<string> =>
  new SignJWT({ sub: 'ann', sid })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(Buffer.from(secret))

const upstream = await startUpstream(
  t,
  (asked, response) => {
    // A type has no case (RFC 9110 §8.3.1): written like this it passed for a request that does not end.
    const type = asked.headers.via?.startsWith('2.0')
      ? 'Text/Event-Stream; charset=utf-8'
      : 'text/event-stream'
    response.writeHead(200, { 'content-type': type })
    if (asked.method === 'HEAD') return void response.end()
    response.write('data: hello\n\n')
  },
  { websocket: () => {} },
)
const proxy = await startProxy(
  t,
  `
  listeners: { http: { port: 0, address: 127.0.0.1 }, https: { port: 0, address: 127.0.0.1 } }
  upstreams: { app: { targets: ["${upstream.url}"] } }
  routes:
    - { name: password, listeners: [http, https], match: { path: /password }, to: app, policies: { basicAuth: { users: users } } }
    - { name: observed, listeners: [http, https], match: { path: /observed }, to: app, policies: { basicAuth: { users: users, mode: observe } } }
    - { name: token, listeners: [http, https], match: { path: /token }, to: app, policies: { jwt: { key: "env:SECRET", revoked: out } } }
  `,
  { folder, env: { SECRET: secret } },
)

interface Lasting {
  isOpen: boolean
}
type Open = (path: string, authorization: string) => Promise<Lasting>
const ways: Record<string, Open> = {
  'a tunnel': async (path, authorization) => {
    const { socket } = await openWebSocket(t, `${proxy.url('http').replace('http', 'ws')}${path}`, {
      headers: { authorization },
    })
    return {
      get isOpen() {
        return socket.readyState === socket.OPEN
      },
    }
  },
  'an event stream over HTTP/1.1': async (path, authorization) => {
    const { body, status } = await fetch(proxy.url('http') + path, { headers: { authorization } })
    assert.equal(status, 200)
    const reader = body?.getReader()
    onEnd(t, () => void reader?.cancel().catch(() => {}))
    await reader?.read()
    const lasting = { isOpen: true }
    const over = (): void => {
      lasting.isOpen = false
    }
    reader?.closed.then(over, over)
    return lasting
  },
  'an event stream over HTTP/2': async (path, authorization) => {
    const session = connect(proxy.url('https'), { rejectUnauthorized: false })
    onEnd(t, () => session.destroy())
    const stream = session.request({ ':path': path, authorization })
    const lasting = { isOpen: true }
    stream.on('error', () => {})
    stream.on('close', () => {
      lasting.isOpen = false
    })
    await new Promise((resolve) => stream.once('data', resolve))
    return lasting
  },
}

const basic = (name: string): string => `Basic ${Buffer.from(`${name}:correct horse`).toString('base64')}`

const ofAllKinds = (path: string, authorization: string): Promise<Lasting[]> =>
  Promise.all(Object.values(ways).map((open) => open(path, authorization)))
const areOpen = (lasting: readonly Lasting[]): boolean[] => lasting.map(({ isOpen }) => isOpen)
const none = [false, false, false]
const all = [true, true, true]

test('what is open ends when its user is removed, or gets another password, and that of others goes on', async () => {
  const [gone, renewed, stays, watched] = await Promise.all([
    ofAllKinds('/password', basic('gone')),
    ofAllKinds('/password', basic('renewed')),
    ofAllKinds('/password', basic('stays')),
    ofAllKinds('/observed', basic('watched')),
  ])
  await put('users', `renewed:${otherPassword}\nstays:${correctHorse}\nnew:${correctHorse}\n`)
  await eventually(() => isDeepStrictEqual([...areOpen(gone), ...areOpen(renewed)], [...none, ...none]))
  // A policy that only watches lets nobody in, and puts nobody out.
  assert.deepEqual([areOpen(stays), areOpen(watched)], [all, all])
  // Who comes back comes in, and stays.
  await put('users', everybody)
  await eventually(
    async () =>
      (
        await request(`${proxy.url('http')}/password`, {
          method: 'HEAD',
          headers: { authorization: basic('gone') },
        })
      ).status === 200,
  )
  const back = await ofAllKinds('/password', basic('gone'))
  await setTimeout(2 * withdrawalsEvery)
  assert.deepEqual(areOpen(back), all)
})

test('what is open ends when the session of its token is signed out, and that of another goes on', async () => {
  const [stolen, own] = await Promise.all(
    ['thief', 'owner'].map(async (sid) => ofAllKinds('/token', `Bearer ${await tokenOf(sid)}`)),
  )
  await put('out', 'thief\n')
  await eventually(() => isDeepStrictEqual(areOpen(stolen ?? []), none))
  assert.deepEqual(areOpen(own ?? []), all)
  await eventually(async () => {
    const ended = (await proxy.accessLog()).filter(
      ({ router, deny_reason }) =>
        router === 'token' && deny_reason === 'what it was let in by was taken back',
    )
    return ended.length === none.length
  })
})
