import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../harness/eventually.ts'
import { connectHttp2 } from '../../harness/http2.ts'
import { type Reply, request } from '../../harness/request.ts'
import { openWebSocket } from '../../harness/websocket.ts'
import type { Scene } from './scene.ts'

const long = { timeout: 120_000 }
const soon = { timeout: 45_000, every: 100 }

/** Nobody but its user gets to a desktop, by any door. */
export function testRefusals(sceneOf: () => { scene: Scene }): void {
  const handshake = (headers: Record<string, string>) => ({
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-protocol': 'binary',
      ...headers,
    },
  })
  const codeOf = ({ status, text }: Pick<Reply, 'status' | 'text'>) =>
    `${status} ${/"code":"(\w+)"/.exec(text)?.[1] ?? ''}`.trim()

  test("one person's cookie opens none of another's, by HTTP/1.1, HTTP/2 and WebSocket", long, async (t) => {
    const { scene } = sceneOf()
    const { origin, port } = scene
    const [alice, bob] = await Promise.all([scene.signIn('alice'), scene.signIn('bob')])
    await Promise.all([alice.start('debian'), bob.start('debian')])
    await Promise.all([alice.until('debian', 'running'), bob.until('debian', 'running')])
    const h2 = await connectHttp2(t, port)
    const upgrade = (key: string, headers: Record<string, string>) =>
      request(`${origin}/desktop/${key}/websockify`, handshake(headers))
    const byAll = async (key: string, cookie: string | undefined) => {
      const headers: Record<string, string> = cookie === undefined ? {} : { cookie }
      const found: string[] = []
      for (const path of ['', '/', '/vnc.html', '/websockify', '/app/ui.js?x=1']) {
        found.push(codeOf(await request(`${origin}/desktop/${key}${path}`, { headers })))
        found.push(codeOf(await h2.request(`/desktop/${key}${path}`, { headers })))
      }
      found.push(codeOf(await upgrade(key, { ...headers, origin })))
      return [...new Set(found)].sort()
    }
    // What is right gets through, or nothing below would mean anything.
    assert.equal(
      (await request(`${origin}/desktop/alice-debian/vnc.html`, { headers: { cookie: alice.cookie } }))
        .status,
      200,
    )
    assert.equal(
      (await h2.request('/desktop/bob-debian/vnc.html', { headers: { cookie: bob.cookie } })).status,
      200,
    )
    assert.equal((await upgrade('alice-debian', { cookie: alice.cookie, origin })).status, 101)

    assert.deepEqual(await byAll('bob-debian', alice.cookie), ['403 claim_denied'])
    assert.deepEqual(await byAll('alice-debian', bob.cookie), ['403 claim_denied'])
    assert.deepEqual(await byAll('nobody-debian', alice.cookie), ['403 claim_denied'])
    assert.deepEqual(await byAll('alice-debian', undefined), ['401 token_required'])
    // Two cookies, one of them right, as a neighbour of the domain could plant one; and one that was tampered with.
    assert.deepEqual(await byAll('bob-debian', `${alice.cookie}; ${bob.cookie}`), ['401 token_invalid'])
    assert.deepEqual(await byAll('bob-debian', alice.cookie.replace(/\.[^.]+\./, '.e30.')), [
      '401 token_invalid',
    ])
    // An admin starts and stops, and does not look over shoulders.
    assert.deepEqual(await byAll('alice-debian', (await scene.signIn('admin')).cookie), ['403 claim_denied'])

    // A page of another origin opens a WebSocket with the cookies of whoever looks at it.
    for (const foreign of [
      'https://evil.example',
      `https://photos.localhost:${port}`,
      'null',
      `http://localhost:${port}`,
    ])
      assert.equal(
        codeOf(await upgrade('alice-debian', { cookie: alice.cookie, origin: foreign })),
        '403 policy_denied',
      )
    // Kasm's own API, which the credential would open.
    assert.equal(
      codeOf(
        await request(`${origin}/desktop/alice-debian/api/get_screenshot`, {
          headers: { cookie: alice.cookie },
        }),
      ),
      '403 address_denied',
    )
    // Paths that another reader might take for another desktop.
    for (const path of [
      'alice-debian/../bob-debian/vnc.html',
      'alice-debian/%2e%2e/bob-debian/vnc.html',
      '/bob-debian/vnc.html',
    ])
      assert.match(
        codeOf(await request(origin, { target: `/desktop/${path}`, headers: { cookie: alice.cookie } })),
        /^(403 claim_denied|400 \w+|404 \w*)$/,
      )
  })

  test(
    'nobody gets there around the proxy: ports are on loopback, and ask for a password',
    long,
    async () => {
      const { scene } = sceneOf()
      const row = (await scene.rows()).find(({ proxy_path }) => proxy_path === 'alice-debian')
      const own = await scene.engine.docker(
        'inspect',
        '--format',
        '{{json .HostConfig.PortBindings}}',
        'desktop-alice-debian',
      )
      assert.equal(own, `{"6901/tcp":[{"HostIp":"127.0.0.1","HostPort":"${row?.host_port}"}]}`)
      assert.equal((await request(`https://127.0.0.1:${row?.host_port}/`)).status, 401)
      const guess = `Basic ${Buffer.from('kasm_user:vncpassword').toString('base64')}`
      assert.equal(
        (await request(`https://127.0.0.1:${row?.host_port}/`, { headers: { authorization: guess } })).status,
        401,
      )
    },
  )

  test('a desktop is told no cookie and no credential of its user, and can set none', long, async () => {
    const { scene } = sceneOf()
    const alice = await scene.signIn('alice')
    await alice.start('tiny')
    await alice.until('tiny', 'running')
    const told = await request(`${scene.origin}/desktop/alice-tiny/cgi-bin/told`, {
      headers: { cookie: `${alice.cookie}; other=1`, authorization: 'Basic YTpi', 'x-desktop-waiting': '1' },
    })
    assert.match(told.text, /^HTTP_X_FORWARDED_USER=alice$/m)
    assert.doesNotMatch(told.text, /gatehouse_session|other=1|YTpi/)
    assert.equal(told.headers['set-cookie'], undefined)
    await alice.stop('tiny')
  })

  test('what changes something is refused to pages of other sites, and to strangers', long, async () => {
    const { scene } = sceneOf()
    const { origin } = scene
    const alice = await scene.signIn('alice')
    const post = (headers: Record<string, string>) =>
      request(`${origin}/desktops/api/desktops/alice-debian/stop`, { method: 'POST', headers })
    for (const foreign of [
      { origin: 'https://evil.example' },
      { origin: `https://photos.localhost:${scene.port}` },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'null' },
    ] as Record<string, string>[])
      assert.equal((await post({ cookie: alice.cookie, ...foreign })).status, 403, JSON.stringify(foreign))
    assert.equal((await post({})).status, 401)
    const bob = await scene.signIn('bob')
    assert.equal((await post({ cookie: bob.cookie })).status, 404)
    for (const [method, path] of [
      ['GET', '/admin/desktops'],
      ['GET', '/admin/audit'],
      ['GET', '/admin/users'],
      ['GET', '/admin/orphans'],
      ['POST', '/admin/desktops/alice-debian/stop'],
      ['POST', '/admin/users'],
      ['DELETE', '/admin/users/alice'],
    ] as const)
      assert.equal((await bob.ask(method, path)).status, 403, path)
    assert.equal((await alice.see('debian'))?.status, 'running')
    // Nobody's name is told by how a wrong password is answered.
    const wrong = async (username: string) => {
      const body = JSON.stringify({ username, password: 'x' })
      const headers = { 'content-type': 'application/json' }
      const reply = await request(`${origin}/desktops/api/session`, { method: 'POST', headers, body })
      return [reply.status, (JSON.parse(reply.text) as { title: string }).title]
    }
    assert.deepEqual(await wrong('alice'), await wrong('mallory'))
  })

  test('who signs out everywhere is out at once, by every door, and may stop what runs', long, async (t) => {
    const { scene } = sceneOf()
    const { origin, port } = scene
    const [here, there] = [await scene.signIn('alice'), await scene.signIn('alice')]
    const h2 = await connectHttp2(t, port)
    const tunnel = await openWebSocket(
      t,
      `${origin.replace('https', 'wss')}/desktop/alice-debian/websockify`,
      {
        headers: { cookie: there.cookie },
        origin,
        protocol: 'binary',
      } as object,
    )
    assert.match((await tunnel.next()).toString(), /^RFB 003\.008/)
    const cookies = [here.cookie, there.cookie]
    assert.equal((await here.ask('DELETE', '/sessions?desktops=stop')).status, 200)
    for (const cookie of cookies) {
      await eventually(async () => {
        const replies = [
          await request(`${origin}/desktop/alice-debian/vnc.html`, { headers: { cookie } }),
          await h2.request('/desktop/alice-debian/vnc.html', { headers: { cookie } }),
          await request(`${origin}/desktop/alice-debian/websockify`, handshake({ cookie, origin })),
        ]
        assert.deepEqual(replies.map(codeOf), Array(3).fill('401 token_invalid'))
        return true
      }, soon)
      assert.equal((await request(`${origin}/desktops/api/desktops`, { headers: { cookie } })).status, 401)
    }
    // The tunnel ended with its desktop.
    await tunnel.closed
    // And whoever asks for a page is led to sign in, and from there back.
    const page = await request(`${origin}/desktop/alice-debian/`, {
      headers: { accept: 'text/html', cookie: cookies[0] as string },
    })
    assert.deepEqual(
      [page.status, page.headers.location],
      [302, '/desktops/?next=%2Fdesktop%2Falice-debian%2F'],
    )
  })
}
