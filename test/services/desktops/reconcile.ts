import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { eventually } from '../../harness/eventually.ts'
import { request } from '../../harness/request.ts'
import { onEnd } from '../../harness/teardown.ts'
import type { Gate } from './gate.ts'
import type { Scene } from './scene.ts'

const soon = { timeout: 45_000, every: 100 }
const long = { timeout: 180_000 }

/** The table and the world come to agree, whatever happens to either. */
export function testReconcile(sceneOf: () => { scene: Scene; gate: Gate }): void {
  const moments: [what: 'start' | 'stop' | 'delete', when: 'before' | 'after', request: RegExp][] = [
    ['start', 'before', /^POST .*\/containers\/create/],
    ['start', 'after', /^POST .*\/containers\/create/],
    ['start', 'before', /^POST .*\/containers\/[^/]+\/start/],
    ['start', 'after', /^POST .*\/containers\/[^/]+\/start/],
    ['stop', 'before', /^POST .*\/containers\/[^/]+\/stop/],
    ['stop', 'after', /^POST .*\/containers\/[^/]+\/stop/],
    ['stop', 'after', /^DELETE .*\/containers\/[^/]+/],
    ['delete', 'before', /^DELETE .*\/containers\/[^/]+/],
    ['delete', 'after', /^DELETE .*\/containers\/[^/]+/],
  ]

  test(
    'killed at any step of a start, a stop or a delete, the service finishes it when it is back',
    long,
    async () => {
      const { scene, gate } = sceneOf()
      const alice = await scene.signIn('alice')
      for (const [what, when, pattern] of moments) {
        if (what !== 'start') {
          await alice.start('tiny')
          await agree(scene, 'alice-tiny', 'running', alice.cookie)
        }
        const held = gate.hold(when, pattern)
        if (what === 'start') await alice.start('tiny')
        else if (what === 'stop') await alice.stop('tiny')
        else await alice.ask('DELETE', '/desktops/alice-tiny?files=delete')
        await held
        await scene.kill()
        await scene.start()
        const wanted = what === 'start' ? 'running' : what === 'stop' ? 'stopped' : 'gone'
        await agree(scene, 'alice-tiny', wanted, alice.cookie)
        if (what === 'start') {
          await alice.stop('tiny')
          await agree(scene, 'alice-tiny', 'stopped', alice.cookie)
        }
      }
    },
  )

  test('start, stop and delete may be asked for twice and by many at once', long, async () => {
    const { scene } = sceneOf()
    const alice = await scene.signIn('alice')
    await Promise.all(Array.from({ length: 5 }, () => alice.start('tiny')))
    await agree(scene, 'alice-tiny', 'running', alice.cookie)
    await alice.start('tiny')
    await Promise.all(Array.from({ length: 3 }, () => alice.stop('tiny')))
    await agree(scene, 'alice-tiny', 'stopped', alice.cookie)
    for (let time = 0; time < 2; time++)
      assert.equal((await alice.ask('DELETE', '/desktops/alice-tiny')).status, 204)
    await agree(scene, 'alice-tiny', 'gone', alice.cookie)
    assert.equal((await alice.ask('DELETE', '/desktops/alice-tiny')).status, 204)
    assert.equal((await alice.ask('POST', '/desktops/alice-tiny/stop')).status, 404)
  })

  test('who changes their mind while it starts has the last word', long, async () => {
    const { scene } = sceneOf()
    const alice = await scene.signIn('alice')
    for (let round = 0; round < 3; round++) {
      await alice.start('tiny')
      await alice.stop('tiny')
    }
    await alice.start('tiny')
    await agree(scene, 'alice-tiny', 'running', alice.cookie)
    await alice.ask('POST', '/desktops/alice-tiny/restart')
    await alice.stop('tiny')
    await agree(scene, 'alice-tiny', 'stopped', alice.cookie)
  })

  test('a container that was removed by hand comes back, and a strange one of ours goes', long, async () => {
    const { scene } = sceneOf()
    const alice = await scene.signIn('alice')
    await alice.start('tiny')
    await agree(scene, 'alice-tiny', 'running', alice.cookie)
    const [{ id = '' } = {}] = (await scene.containers()).filter(({ key }) => key === 'alice-tiny')
    await scene.engine.docker('rm', '--force', id)
    await eventually(async () => (await scene.containers()).every((each) => each.id !== id), soon)
    await agree(scene, 'alice-tiny', 'running', alice.cookie)

    // As a service leaves it whose row is gone; and one of another service, which is none of our business.
    const labels = JSON.parse(
      await scene.engine.docker('inspect', '--format', '{{json .Config.Labels}}', 'desktop-alice-tiny'),
    ) as Record<string, string>
    const make = (name: string, changes: Record<string, string>) =>
      scene.engine.docker(
        ...['create', '--name', name],
        ...Object.entries({ ...labels, ...changes }).flatMap(([label, value]) => [
          '--label',
          `${label}=${value}`,
        ]),
        'tiny-desktop:latest',
      )
    const nobody = '00000000-0000-4000-8000-000000000000'
    await make('lost', { 'gatehouse.desktop': nobody, 'gatehouse.key': 'nobody-tiny' })
    await make('foreign', { 'gatehouse.desktops': nobody, 'gatehouse.key': 'else-tiny' })
    await eventually(async () => !(await scene.containers()).some(({ name }) => name === 'lost'), soon)
    const metrics = await eventually(async () => {
      const text = await scene.metrics()
      return /^desktops_orphans_removed_total [1-9]/m.test(text) && text
    }, soon)
    assert.match(metrics, /^desktops_start_duration_seconds_count [1-9]/m)
    assert.match(metrics, /^desktops_desktops\{state="running",host="local"\} [1-9]/m)
    assert.match(metrics, /^desktops_docker_host_up\{host="local"\} 1$/m)
    assert.doesNotMatch(metrics, /alice/)
    // An admin sees the other one, and may remove it.
    const admin = await scene.signIn('admin')
    const { orphans } = JSON.parse((await admin.ask('GET', '/admin/orphans')).text) as {
      orphans: { host: string; id: string; name: string }[]
    }
    assert.deepEqual(
      orphans.map(({ name }) => name),
      ['foreign'],
    )
    const own = (await scene.containers()).find(({ key }) => key === 'alice-tiny')
    for (const id of [own?.id, orphans[0]?.id])
      assert.equal((await admin.ask('DELETE', `/admin/orphans/local/${id}`)).status, 204)
    assert.deepEqual(
      (await scene.containers()).map(({ name }) => name),
      ['desktop-alice-tiny'],
    )
    const audit = (await admin.ask('GET', '/admin/audit')).text
    assert.match(audit, /"actor":"the service","action":"orphan removed","subject":"nobody-tiny"/)
    assert.match(audit, /"actor":"admin","action":"orphan removed","subject":"else-tiny"/)
    await alice.stop('tiny')
    await agree(scene, 'alice-tiny', 'stopped', alice.cookie)
  })

  test(
    'an image that is missing, and a desktop that ends at once, are given up with a reason',
    long,
    async () => {
      const { scene } = sceneOf()
      const alice = await scene.signIn('alice')
      await alice.start('missing')
      const missing = await alice.until('missing', 'failed')
      assert.match(missing.reason ?? '', /has no image nobody\/has-this:1 and cannot get it/)
      await alice.start('broken')
      const broken = await alice.until('broken', 'failed')
      assert.match(
        broken.reason ?? '',
        /^It ended \d+ s after it was started \(code 3\)\. It said: it is broken$/,
      )
      await agree(scene, 'alice-none', 'gone', alice.cookie)
      await eventually(async () => assert.deepEqual(await scene.containers(), []) === undefined, soon)
      assert.deepEqual(
        (await scene.rows()).filter(({ host_port }) => host_port !== null),
        [],
      )
      for (const type of ['missing', 'broken']) await alice.ask('DELETE', `/desktops/alice-${type}`)
      await eventually(async () => (await alice.see('broken')) === undefined, soon)
    },
  )

  test('a name and a port that somebody else took are no obstacle', long, async (t) => {
    const { scene } = sceneOf()
    const alice = await scene.signIn('alice')
    await scene.engine.docker('create', '--name', 'desktop-alice-tiny-c', 'tiny-desktop:latest')
    // Whatever port would be next, all but one are taken.
    await scene.kill()
    await scene.start({ FIRST_PORT: '7150', LAST_PORT: '7152' })
    for (const port of [7150, 7151]) {
      const server = createServer().listen(port, '127.0.0.1')
      onEnd(t, () => void server.close())
    }
    await alice.start('tiny-c')
    await agree(scene, 'alice-tiny-c', 'running', alice.cookie)
    const row = (await scene.rows()).find(({ proxy_path }) => proxy_path === 'alice-tiny-c')
    assert.equal(row?.host_port, 7152)
    assert.match(row.container_name, /^desktop-alice-tiny-c-[0-9a-f]{8}$/)
    await alice.stop('tiny-c')
    await agree(scene, 'alice-tiny-c', 'stopped', alice.cookie)
    await scene.engine.docker('rm', 'desktop-alice-tiny-c')
    await scene.kill()
    await scene.start()
  })

  test(
    'thirty at once start, and stop, and start, and stop: nothing is left over and nothing is shared',
    long,
    async () => {
      const { scene } = sceneOf()
      await scene.kill()
      await scene.start({ LOOK_SECONDS: '5' })
      const names = Array.from({ length: 10 }, (_, index) => `many${index}`)
      await scene.addPeople(...names)
      const people = await Promise.all(names.map((name) => scene.signIn(name)))
      const types = ['tiny', 'tiny-b', 'tiny-c']
      const all = people.flatMap((person) => types.map((type) => ({ person, type })))
      for (let round = 0; round < 2; round++) {
        await Promise.all(all.map(({ person, type }) => person.start(type)))
        // A fourth is one too many.
        assert.equal((await people[0]?.ask('POST', '/desktops', { type: 'missing' }))?.status, 409)
        await eventually(
          async () => {
            const rows = (await scene.rows()).filter(({ status }) => status === 'running')
            assert.equal(rows.length, 30)
            const containers = await scene.containers()
            const keys = rows.map(({ proxy_path }) => proxy_path)
            assert.deepEqual(await scene.leases(), keys)
            assert.deepEqual(containers.map(({ key }) => key).sort(), keys)
            assert.deepEqual(
              containers.map(({ key, port }) => `${key} ${port}`).sort(),
              rows.map(({ proxy_path, host_port }) => `${proxy_path} ${host_port}`),
            )
            assert.equal(new Set(rows.map(({ host_port }) => host_port)).size, 30)
            return true
          },
          { timeout: 90_000, every: 300 },
        )
        await Promise.all(all.map(({ person, type }) => person.stop(type)))
        await eventually(
          async () => {
            const rows = await scene.rows()
            assert.deepEqual(
              rows.filter(({ status, host_port }) => status !== 'stopped' || host_port !== null),
              [],
            )
            assert.deepEqual([await scene.containers(), await scene.leases()], [[], []])
            return true
          },
          { timeout: 90_000, every: 300 },
        )
      }
      await scene.kill()
      await scene.start()
    },
  )
}

/** Last, because nothing else can go on meanwhile. */
export function testDockerRestart(sceneOf: () => { scene: Scene }): void {
  test('Docker that restarts takes desktops down, and they come back', long, async () => {
    const { scene } = sceneOf()
    const alice = await scene.signIn('alice')
    await alice.start('tiny')
    await agree(scene, 'alice-tiny', 'running', alice.cookie)
    await scene.engine.stop()
    const seen = JSON.parse((await alice.ask('GET', '/desktops')).text) as {
      docker: { ok: boolean; reason: string }
    }
    assert.equal(seen.docker.ok, false)
    assert.match(seen.docker.reason, /^Docker does not answer/)
    // Asked for while it is away.
    const { status } = await alice.start('tiny-b')
    assert.equal(status, 'starting')
    await eventually(
      async () => /does not answer|No Docker host answers/.test((await alice.see('tiny-b'))?.reason ?? ''),
      soon,
    )
    await scene.engine.start()
    await agree(scene, 'alice-tiny', 'running', alice.cookie)
    await agree(scene, 'alice-tiny-b', 'running', alice.cookie)
    for (const type of ['tiny', 'tiny-b']) await alice.stop(type)
    for (const key of ['alice-tiny', 'alice-tiny-b']) await agree(scene, key, 'stopped', alice.cookie)
  })
}

/** One running container with the row's port, one lease, and the proxy gets through; or nothing of all that. */
async function agree(
  scene: Scene,
  key: string,
  wanted: 'running' | 'stopped' | 'gone',
  cookie: string,
): Promise<void> {
  await eventually(async () => {
    const row = (await scene.rows()).find(({ proxy_path }) => proxy_path === key)
    const containers = (await scene.containers()).filter((each) => each.key === key)
    const leases = (await scene.leases()).filter((each) => each === key)
    if (wanted === 'running') {
      assert.equal(row?.status, 'running', JSON.stringify(row))
      assert.deepEqual(
        containers.map(({ isRunning, port }) => [isRunning, port]),
        [[true, row.host_port]],
      )
      assert.deepEqual(leases, [key])
      const reply = await request(`${scene.origin}/desktop/${key}/index.html`, { headers: { cookie } })
      assert.equal(reply.text, 'a tiny desktop\n')
    } else {
      assert.equal(row?.status, wanted === 'gone' ? undefined : 'stopped', JSON.stringify(row))
      assert.equal(row?.host_port ?? null, null)
      assert.deepEqual([containers, leases], [[], []])
    }
    return true
  }, soon)
}
