import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { selfSigned } from '../../harness/certificate.ts'
import { eventually } from '../../harness/eventually.ts'
import { needs, pathOf } from '../../harness/parts.ts'
import { request } from '../../harness/request.ts'
import { onEnd, type Teardown } from '../../harness/teardown.ts'
import { tempFolder } from '../../harness/temp-folder.ts'
import { type Engine, startEngine } from './docker.ts'
import { importTiny } from './images.ts'
import { startScene } from './scene.ts'

/**
 * Another Docker host: an engine in a network of its own, with its own address, images and firewall, reached by TLS with
 * certificates for both sides.
 */
export function testSecondHost(engineOf: () => Engine): void {
  test(
    'desktops spread over Docker hosts that are reached by TLS, and each lease leads to the right one',
    long,
    async (t) => {
      const { name, far } = makeHost(t)
      const folder = await tempFolder(t)
      const ca = await selfSigned(['the authority'], { authority: true })
      const [server, client] = [await selfSigned([far], { ca }), await selfSigned(['gatehouse'], { ca })]
      const files = {
        'ca.pem': ca.cert,
        'server.pem': server.cert,
        'server.key': server.key,
        'cert.pem': client.cert,
        'key.pem': client.key,
      }
      for (const [file, text] of Object.entries(files))
        await writeFile(join(folder, file), text, { mode: 0o600 })
      const at = (file: string) => join(folder, file)
      const there = await startEngine(t, {
        before: ['nsenter', `--net=/run/netns/${name}`],
        args: [
          ...['--host', `tcp://${far}:2376`, '--tlsverify'],
          ...['--tlscacert', at('ca.pem'), '--tlscert', at('server.pem'), '--tlskey', at('server.key')],
        ],
      })
      await importTiny(t, there)
      const here = engineOf()
      const hosts = `hosts:
  here: { socket: ${here.socket} }
  there: { url: "https://${far}:2376", address: ${far}, ca: ${at('ca.pem')}, cert: ${at('cert.pem')}, key: ${at('key.pem')} }
`
      const scene = await startScene(t, here, { hosts, networks: `["127.0.0.0/8", "${far}/32"]` })
      await scene.addPeople('dora')
      const dora = await scene.signIn('dora')
      for (const type of ['tiny', 'tiny-b']) {
        await dora.start(type)
        await dora.until(type, 'running')
      }
      const placed = (await scene.rows()).map(({ proxy_path, docker_host }) => [proxy_path, docker_host])
      assert.deepEqual(placed, [
        ['dora-tiny', 'here'],
        ['dora-tiny-b', 'there'],
      ])
      const namesOn = async ({ docker }: Engine, host: string) =>
        (
          await docker('ps', '--filter', `label=gatehouse.host=${host}`, '--format', '{{.Names}} {{.Ports}}')
        ).replace(/\d+->/, 'PORT->')
      assert.equal(await namesOn(here, 'here'), 'desktop-dora-tiny 127.0.0.1:PORT->8080/tcp')
      assert.equal(await namesOn(there, 'there'), `desktop-dora-tiny-b ${far}:PORT->8080/tcp`)
      for (const key of ['dora-tiny', 'dora-tiny-b']) {
        const reply = await request(`${scene.origin}/desktop/${key}/index.html`, {
          headers: { cookie: dora.cookie },
        })
        assert.equal(reply.text, 'a tiny desktop\n')
      }
      const { targets } = JSON.parse((await request(`${scene.admin}/v1/upstreams`)).text) as {
        targets: { key?: string; url: string }[]
      }
      assert.match(targets.find(({ key }) => key === 'dora-tiny-b')?.url ?? '', new RegExp(`^http://${far}:`))

      // A client without a certificate of the authority is nobody to that engine.
      assert.match(
        await request(`https://${far}:2376/_ping`).then(
          ({ status }) => `${status}`,
          (error: Error) => error.message,
        ),
        /alert|certificate|hang up|ECONNRESET/,
      )
      // It comes back to the host where its files lie; and what is wanted while that is away happens when it is back.
      await there.stop()
      await dora.stop('tiny-b')
      await eventually(async () => /does not answer/.test((await dora.see('tiny-b'))?.reason ?? ''), soon)
      await there.start()
      await dora.until('tiny-b', 'stopped')
      assert.equal(await namesOn(there, 'there'), '')
      await dora.stop('tiny')
      await dora.until('tiny', 'stopped')
      await dora.start('tiny-b')
      await dora.until('tiny-b', 'running')
      assert.equal(await namesOn(there, 'there'), `desktop-dora-tiny-b ${far}:PORT->8080/tcp`)
      await dora.stop('tiny-b')
      await dora.until('tiny-b', 'stopped')
    },
  )

  /** A network namespace with one wire to this machine. */
  function makeHost(t: Teardown): { name: string; far: string } {
    const name = `gatehouse-docker-${process.pid}`
    const number = process.pid % 16_000
    const wire = `gd${number}`
    const net = `198.19.${number >> 6}`
    const base = (number % 64) * 4
    const [near, far] = [`${net}.${base + 1}`, `${net}.${base + 2}`]
    const ip = (...args: string[]) =>
      execFileSync(pathOf('ip'), args, { stdio: ['ignore', 'ignore', 'pipe'] })
    onEnd(t, () => void ip('netns', 'delete', name))
    ip('netns', 'add', name)
    ip('link', 'add', `${wire}a`, 'type', 'veth', 'peer', 'name', `${wire}b`, 'netns', name)
    ip('address', 'add', `${near}/30`, 'dev', `${wire}a`)
    ip('link', 'set', `${wire}a`, 'up')
    ip('-n', name, 'address', 'add', `${far}/30`, 'dev', `${wire}b`)
    ip('-n', name, 'link', 'set', `${wire}b`, 'up')
    ip('-n', name, 'link', 'set', 'lo', 'up')
    // The engines of the tests leave this as it is, and a new namespace has it as the machine has: from outside to a
    // container is a way through.
    ip('netns', 'exec', name, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    return { name, far }
  }
}

const long = { timeout: 180_000, ...needs('netns') }
const soon = { timeout: 45_000, every: 100 }
