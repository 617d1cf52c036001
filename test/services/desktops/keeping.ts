import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../harness/eventually.ts'
import { openWebSocket } from '../../harness/websocket.ts'
import type { Scene } from './scene.ts'

const long = { timeout: 120_000 }
const soon = { timeout: 45_000, every: 100 }

/** How desktops are kept: apart from each other and from the proxy, within their bounds, and no longer than they are used. */
export function testKeeping(sceneOf: () => { scene: Scene }): void {
  test(
    'a desktop has no privilege, and reaches neither another one nor what the proxy keeps to itself',
    long,
    async () => {
      const { scene } = sceneOf()
      const { docker } = scene.engine
      const [alice, bob] = await Promise.all([scene.signIn('alice'), scene.signIn('bob')])
      await Promise.all([alice.start('debian'), bob.start('debian')])
      await Promise.all([alice.until('debian', 'running'), bob.until('debian', 'running')])
      const inside = (script: string) => docker('exec', 'desktop-alice-debian', 'bash', '-c', script)
      const status = await inside('cat /proc/self/status')
      assert.match(status, /^CapEff:\t0+$/m)
      assert.match(status, /^CapBnd:\t0+$/m)
      assert.match(status, /^NoNewPrivs:\t1$/m)
      const bounds = JSON.parse(
        await docker('inspect', '--format', '{{json .HostConfig}}', 'desktop-alice-debian'),
      )
      assert.deepEqual(
        [
          bounds.Memory,
          bounds.MemorySwap,
          bounds.PidsLimit,
          bounds.NanoCpus,
          bounds.ShmSize,
          bounds.Binds,
          bounds.Privileged,
        ],
        [512 * 1024 ** 2, 512 * 1024 ** 2, 512, 1e9, 64 * 1024 ** 2, null, false],
      )
      assert.equal(
        await inside('ls /var/run/docker.sock 2>&1 || true'),
        "ls: cannot access '/var/run/docker.sock': No such file or directory",
      )

      const [bobs, gateway] = (
        await docker(
          ...['inspect', '--format'],
          '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.Gateway}}{{end}}',
          'desktop-bob-debian',
        )
      ).split(' ')
      const { port: adminPort } = new URL(scene.admin)
      const port = (await scene.rows()).find(({ proxy_path }) => proxy_path === 'bob-debian')?.host_port
      const connects = (host: string | undefined, at: string | number | null | undefined) =>
        inside(`timeout 2 bash -c '</dev/tcp/${host}/${at}' 2>/dev/null && echo yes || echo no`)
      // It can connect at all, and the proxy's public door is as open to it as to everybody.
      assert.equal(await connects('127.0.0.1', 6901), 'yes')
      assert.equal(await connects(gateway, scene.port), 'yes')
      assert.equal(await connects(bobs, 6901), 'no')
      assert.equal(await connects(gateway, port), 'no')
      assert.equal(await connects(gateway, adminPort), 'no')
    },
  )

  test('one that nobody has open is stopped after saying so, and one that is open stays', long, async (t) => {
    const { scene } = sceneOf()
    await scene.kill()
    await scene.start({ IDLE_SECONDS: '8', IDLE_WARNING_SECONDS: '6', LOOK_SECONDS: '1' })
    const bob = await scene.signIn('bob')
    await bob.start('debian')
    await bob.until('debian', 'running')
    const tunnel = await openWebSocket(
      t,
      `${scene.origin.replace('https', 'wss')}/desktop/bob-debian/websockify`,
      {
        headers: { cookie: bob.cookie },
        origin: scene.origin,
        protocol: 'binary',
      } as object,
    )
    await tunnel.next()
    await bob.start('tiny')
    await bob.until('tiny', 'running')
    const warned = await eventually(async () => (await bob.see('tiny'))?.stopsAt, soon)
    assert.ok(Date.parse(warned) > Date.now() - 2_000)
    const stopped = await bob.until('tiny', 'stopped')
    assert.match(
      stopped.reason ?? '',
      /^It was stopped because nobody had it open for 1 min\. Your files are kept\.$/,
    )
    assert.deepEqual(
      [(await bob.see('debian'))?.status, (await bob.see('debian'))?.stopsAt],
      ['running', undefined],
    )
    tunnel.socket.terminate()
    await bob.until('debian', 'stopped')
    await scene.kill()
    await scene.start()
  })

  test(
    'desktops live on while the service restarts, and the proxy finds them all the time',
    long,
    async (t) => {
      const { scene } = sceneOf()
      const bob = await scene.signIn('bob')
      await bob.start('debian')
      await bob.until('debian', 'running')
      const tunnel = await openWebSocket(
        t,
        `${scene.origin.replace('https', 'wss')}/desktop/bob-debian/websockify`,
        {
          headers: { cookie: bob.cookie },
          origin: scene.origin,
          protocol: 'binary',
        } as object,
      )
      const containerOf = async () => (await scene.containers()).find(({ key }) => key === 'bob-debian')
      const before = await containerOf()
      assert.match((await tunnel.next()).toString(), /^RFB 003\.008/)
      scene.service.kill('SIGTERM')
      await eventually(() => scene.service.exitCode !== null, soon)
      assert.ok((await scene.leases()).includes('bob-debian'))
      // The handshake of VNC goes on where it was.
      tunnel.send(Buffer.from('RFB 003.008\n'))
      assert.deepEqual([...(await tunnel.next())], [1, 1])
      await scene.start()
      await bob.until('debian', 'running')
      const after = await containerOf()
      assert.equal(after?.id, before?.id)
      assert.equal(tunnel.socket.readyState, tunnel.socket.OPEN)
    },
  )

  test('an admin sees what each uses, stops any, and adds and removes people', long, async () => {
    const { scene } = sceneOf()
    const admin = await scene.signIn('admin')
    const seen = await eventually(async () => {
      const { desktops } = JSON.parse((await admin.ask('GET', '/admin/desktops')).text) as {
        desktops: {
          key: string
          user: string
          usage?: { cpus: number; memory: number; memoryLimit: number }
        }[]
      }
      const found = desktops.find(({ key }) => key === 'bob-debian')
      // It was started a moment ago, and Docker says nothing of its memory before it has looked.
      assert.ok((found?.usage?.memory ?? 0) > 5e6, JSON.stringify(found))
      return found
    }, soon)
    assert.equal(seen.user, 'bob')
    assert.equal(seen.usage?.memoryLimit, 512 * 1024 ** 2)
    assert.equal((await admin.ask('POST', '/admin/desktops/bob-debian/stop')).status, 202)
    const bob = await scene.signIn('bob')
    const stopped = await bob.until('debian', 'stopped')
    assert.equal(stopped.reason, 'An operator stopped it. Your files are kept.')

    for (const [body, why] of [
      [{ name: 'Bad Name', password: 'long enough' }, /name is 1 to 31 small letters/],
      [{ name: 'carol', password: 'short' }, /password is shorter than 8/],
      [{ name: 'carol', password: 'long enough', role: 'root' }, /role/],
      [{ name: 'bob', password: 'long enough' }, /There is, or was, a person called bob/],
    ] as const) {
      const reply = await admin.ask('POST', '/admin/users', body)
      assert.ok(reply.status === 400 || reply.status === 409)
      assert.match(reply.text, why)
    }
    await scene.addPeople('carol')
    const carol = await scene.signIn('carol')
    await carol.start('tiny')
    await carol.until('tiny', 'running')
    assert.equal((await admin.ask('DELETE', '/admin/users/carol')).status, 204)
    assert.equal((await carol.ask('GET', '/desktops')).status, 401)
    await eventually(
      async () => !(await scene.rows()).some(({ proxy_path }) => proxy_path === 'carol-tiny'),
      soon,
    )
    // The address of her desktops is nobody else's, ever.
    assert.equal(
      (await admin.ask('POST', '/admin/users', { name: 'carol', password: 'long enough' })).status,
      409,
    )
  })
}
