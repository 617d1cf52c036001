import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { serveOnFreePorts } from '../differential/server-process.ts'
import { runCli } from '../harness/cli.ts'
import { needs } from '../harness/parts.ts'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import type { Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { guardedSites } from './guarded-sites.ts'
import { type OtherProxy, serveSites } from './other-proxies.ts'

/**
 * Fault: what a reader did not understand it left out, and told so; and the path that had been kept closed was served by
 * the route around it. `location /private { deny all; }` beside `location / { proxy_pass … }` was the shortest.
 *
 * Right: of whatever the other proxy keeps from a client, Gatehouse lets nothing through, whether or not it could be read.
 * Sites that are guarded in the ways of the field, and requests that try to get round; the other proxy beside it.
 */

for (const other of ['nginx', 'apache', 'caddy'] as const)
  describe(`guards of ${other}`, needs(other), () => {
    test('let nobody through whom they kept out, and whom they let come where they are understood', {
      timeout: 60_000,
    }, async (t) => {
      const { sites, lane, gatehouse } = await moveIn(t, other)
      const faults: string[] = []
      let refused = 0
      let served = 0
      for (const site of sites)
        for (const [path, headers] of asksOf(site.paths)) {
          const ask = { headers: { host: site.host, ...headers }, target: path }
          const [was, is] = await Promise.all([
            answer(`http://127.0.0.1:${lane}`, ask),
            answer(gatehouse, ask),
          ])
          if (was.served) served++
          else refused++
          const isOpener = is.served && !was.served
          const isBelieved = is.served && is.seenUser !== '' && is.seenUser !== was.seenUser
          if (isOpener || isBelieved || (site.isUnderstood && is.served !== was.served))
            faults.push(
              `${site.host} ${path} ${JSON.stringify(headers)}: was ${JSON.stringify(was)}, is ${JSON.stringify(is)}`,
            )
        }
      assert.deepEqual(faults, [], faults.join('\n'))
      // The sites are no walls: of each proxy much is refused, and much served.
      assert.ok(refused > 100 && served > 50, `${refused} refused, ${served} served`)
    })
  })

/** How a path is asked for: as it is, with a password, as somebody else, from elsewhere. */
function asksOf(paths: readonly string[]): [string, Record<string, string>][] {
  const ways: Record<string, string>[] = [
    {},
    { authorization: `Basic ${Buffer.from('ann:test').toString('base64')}` },
    { 'x-remote-user': 'root', x_remote_user: 'root', 'x-key': 'wrong' },
    { 'x-forwarded-for': '203.0.113.9' },
  ]
  return paths.flatMap((path) => ways.map((headers) => [path, headers] as [string, Record<string, string>]))
}

interface Answer {
  readonly status: number
  /** The upstream was asked, or a file shown. */
  readonly served: boolean
  /** Whom the upstream takes the client for. */
  readonly seenUser?: string
}

async function answer(url: string, ask: Parameters<typeof request>[1]): Promise<Answer> {
  // Caddy's `abort` and nginx's 444 hang up.
  const reply = await request(url, ask).catch(() => undefined)
  if (reply === undefined) return { status: 0, served: false }
  const { status, headers, text } = reply
  const served = headers['x-served-by'] === 'upstream' || /a secret file/.test(text)
  return { status, served, ...(served ? { seenUser: String(headers['x-seen-user'] ?? '') } : {}) }
}

async function moveIn(t: Teardown, of: OtherProxy) {
  const folder = await tempFolder(t)
  await mkdir(join(folder, 'www/private'), { recursive: true })
  for (const file of ['www/index.html', 'www/page.php', 'www/private/index.html', 'www/.env'])
    await writeFile(join(folder, file), 'a secret file')
  await writeFile(join(folder, 'htpasswd'), 'ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n')
  await writeFile(join(folder, 'office.nginx'), 'allow 10.0.0.0/8; deny all;')
  await writeFile(join(folder, 'office.apache'), '<Location />\nRequire ip 10.0.0.0/8\n</Location>\n')
  await writeFile(join(folder, 'office.caddy'), '@out not remote_ip 10.0.0.0/8\nrespond @out 403\n')
  const upstream = await startUpstream(t, (incoming, response) => {
    const { headers } = incoming
    const user = headers['x-remote-user'] ?? headers.x_remote_user ?? ''
    incoming.resume()
    response.writeHead(200, { 'x-served-by': 'upstream', 'x-seen-user': user }).end('served')
  })
  const scene = { folder, upstream: new URL(upstream.url).host }
  let config = ''
  let port = 0
  const [lane] = await serveOnFreePorts(
    t,
    1,
    async ([ports]) => {
      port = ports?.plain ?? 0
      config = guardedSites[of].write({ ...scene, port })
      return serveSites[of](config, folder)
    },
    [200, 401, 403, 404, 502],
  )
  await writeFile(join(folder, 'other.conf'), config)
  const out = join(folder, 'moved.yaml')
  const { stderr, code } = await runCli(['import', join(folder, 'other.conf'), '--from', of, '--out', out])
  assert.notEqual(code, 2, stderr)
  const yaml = await readFile(out, 'utf8')
  const { url } = await startProxy(t, yaml.replaceAll(`port: ${port}`, 'port: 0'), { folder })
  return { sites: guardedSites[of].sites, lane: lane?.plain ?? 0, gatehouse: url() }
}
