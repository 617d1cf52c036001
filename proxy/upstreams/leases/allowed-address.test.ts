import assert from 'node:assert/strict'
import { renameSync, symlinkSync, unlinkSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { suite, test } from 'node:test'
import { eventually } from '../../../test/harness/eventually.ts'
import { onEnd, type Teardown } from '../../../test/harness/teardown.ts'
import { tempFolder } from '../../../test/harness/temp-folder.ts'
import { startUpstream } from '../../../test/harness/upstream.ts'
import { parseNetwork } from '../../address.ts'
import { schema } from '../../config/schema.ts'
import { openPool, parseTarget } from '../connection-pool.ts'
import type { ResponseHandler } from '../http1/connection.ts'
import { type AllowedAddresses, guardConnections, judgeAddress } from './allowed-address.ts'
import { createProbe } from './probe.ts'

const allow = (networks: string[], ports: number[] = []): AllowedAddresses => ({
  networks: networks.map(parseNetwork),
  sockets: [],
  own: () => ({ ports: new Set(ports), sockets: new Set() }),
})
const loopback = ['127.0.0.0/8', '::1']

suite('an address is judged before it is believed', () => {
  const table: [url: string, allowed: AllowedAddresses, fault: RegExp | undefined][] = [
    ['http://127.0.0.1:3000', allow(loopback), undefined],
    ['http://localhost:3000', allow(loopback), undefined],
    ['http://localhost:3000', allow(['10.0.0.0/8']), /lies outside the networks/],
    ['http://10.0.0.7', allow(loopback), /10\.0\.0\.7 lies outside the networks/],
    ['http://169.254.169.254', allow(['0.0.0.0/0']), /is no address of a service/],
    ['http://[fe80::1]', allow(['::/0']), /is no address of a service/],
    ['http://[::ffff:169.254.169.254]', allow(['0.0.0.0/0']), /is no address of a service/],
    ['http://127.0.0.1:8443', allow(loopback, [8443]), /port 8443 is the proxy's own/],
    ['http://localhost:8443', allow(loopback, [8443]), /port 8443 is the proxy's own/],
    ['http://10.9.9.9:8443', allow(['10.0.0.0/8'], [8443]), undefined],
  ]
  for (const [url, allowed, fault] of table)
    test(`${url} ${fault ? 'is refused' : 'passes'}`, async () => {
      const found = await judgeAddress(parseTarget(url), allowed)
      if (fault) assert.match(String(found), fault)
      else assert.equal(found, undefined)
    })
})

/** What becomes of one request on a pool of its own. */
function ask(t: { after(undo: () => void): void }, url: string, allowed: AllowedAddresses): Promise<string> {
  const config = schema.parse({
    listeners: { http: { port: 0 } },
    upstreams: { photos: { leased: true } },
    routes: [],
  }).upstreams.photos
  assert.ok(config)
  const address = parseTarget(url)
  const pool = openPool(address, config, '/', guardConnections(address, allowed))
  t.after(() => pool.close())
  return new Promise((done) => {
    const handler: Partial<ResponseHandler> = {
      onWait() {},
      onStart() {},
      onHead: (status) => done(String(status)),
      onBody() {},
      onEnd() {},
      onFailure: (error) => done((error as NodeJS.ErrnoException).code ?? error.message),
    }
    const request = {
      method: 'GET',
      path: '/',
      headers: ['host', 'x'],
      framing: 'none',
      body: undefined,
    } as const
    pool.send({ ...request, responseTimeout: 5000, idleTimeout: 5000 }, handler as ResponseHandler)
  })
}

suite('it is judged again at every connect', () => {
  test('a name that leads where the upstream may not go is not connected to', async (t) => {
    // What DNS says now is not what it said at registration.
    const upstream = await startUpstream(t)
    const url = `http://localhost:${upstream.port}`
    assert.equal(await ask(t, url, allow(['10.0.0.0/8'])), 'UPSTREAM_NOT_ALLOWED')
    assert.equal(await ask(t, url, allow(loopback, [upstream.port])), 'UPSTREAM_NOT_ALLOWED')
    assert.equal(upstream.connections.size + upstream.requests.length, 0)
    assert.equal(await ask(t, url, allow(loopback)), '200')
  })

  test('an address that is not allowed any more is not connected to', async (t) => {
    const upstream = await startUpstream(t)
    assert.equal(await ask(t, upstream.url, allow(['10.0.0.0/8'])), 'UPSTREAM_NOT_ALLOWED')
    assert.equal(upstream.requests.length, 0)
    assert.equal(await ask(t, upstream.url, allow(loopback)), '200')
    await eventually(() => upstream.requests.length === 1)
  })
})

/**
 * The attack: a service that may announce sockets of its own folder puts a link in the place of its socket, to the one of
 * Docker or of the admin listener, and back, as fast as it can. The look at the path and the connection to it were two
 * steps, and every sixth request went to where the link led in between. Now what was looked at is held, and connected to.
 */
suite('a socket is the one that was judged', { skip: process.platform !== 'linux' }, () => {
  async function openScene(t: Teardown) {
    const folder = await tempFolder(t)
    await mkdir(join(folder, 'in'))
    const [inside, outside] = [join(folder, 'in', 's'), join(folder, 'outside')]
    for (const path of [inside, outside]) {
      const server = http.createServer((_, response) => response.end(path)).listen(path)
      onEnd(t, () => void server.close())
      await eventually(() => server.listening)
    }
    const address = parseTarget(`unix:${inside}`)
    const allowed: AllowedAddresses = { ...allow([]), sockets: [join(folder, 'in')] }
    return { inside, outside, address, allowed, guard: guardConnections(address, allowed) }
  }

  test('also where its path is turned into a link between the look and the connection', async (t) => {
    const { inside, outside, guard } = await openScene(t)
    const admitted = guard.admit((path = '') => {
      renameSync(inside, `${inside}-moved`)
      symlinkSync(outside, inside)
      return net.connect(path)
    })
    assert.ok('made' in admitted)
    admitted.made.end('GET / HTTP/1.0\r\n\r\n')
    assert.ok((await text(admitted.made)).endsWith(inside))
    // Whoever looks now sees the link.
    assert.match(JSON.stringify(guard.admit(() => 'connected')), /lies outside the folders/)
  })

  test('which is asked whether it is well, and spoken of by its path', async (t) => {
    const { inside, address, allowed } = await openScene(t)
    const { photos: config } = schema.parse({
      listeners: { http: { port: 0 } },
      upstreams: { photos: { leased: true, health: { path: '/' } } },
      routes: [],
    }).upstreams
    assert.ok(config)
    const guard = () => guardConnections(address, allowed)
    for (const health of [config.health, undefined]) {
      const probe = createProbe({ config: { ...config, health }, folder: '/', guard })
      assert.equal(await probe(address), undefined)
    }
    // A socket whose server has gone without a word.
    const stale = `${inside}-stale`
    const server = net.createServer().listen(stale)
    await eventually(() => server.listening)
    renameSync(stale, inside)
    await new Promise((closed) => server.close(closed))
    const fault = await createProbe({ config, folder: '/', guard })(address)
    assert.match(fault ?? '', new RegExp(`ECONNREFUSED ${inside}$`))
    unlinkSync(inside)
    assert.match(
      (await createProbe({ config, folder: '/', guard })(address)) ?? '',
      new RegExp(`there is no socket ${inside}`),
    )
  })
})
