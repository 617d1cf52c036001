import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
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
import { type OtherProxy, serveSites } from './other-proxies.ts'

/**
 * A site moves in: the other proxy serves its own configuration, Gatehouse the routes.yaml that was read from it, both in
 * front of one upstream; and each request gets the same from both.
 */

interface Scene {
  readonly folder: string
  readonly port: number
  /** `127.0.0.1:1234` */
  readonly upstream: string
}

interface Other {
  readonly name: OtherProxy
  config(scene: Scene): string
}

const hash = 'ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M='

const nginx: Other = {
  name: 'nginx',
  config: ({ folder, port, upstream }) => `
upstream app { server ${upstream}; keepalive 8; }
server {
  listen 127.0.0.1:${port};
  server_name site.test;
  client_max_body_size 1k;
  add_header X-Frame-Options SAMEORIGIN;
  location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }
  location /api/ { proxy_pass http://app/; proxy_set_header Host $host; }
  location /v1 { proxy_pass http://app/v2; proxy_set_header Host $host; }
  location = /exact { proxy_pass http://app; proxy_set_header Host $host; proxy_set_header X-Team blue; }
  location /static { root ${folder}; }
  location /spa { root ${folder}; try_files $uri /spa/index.html; }
  location /near { allow 127.0.0.0/8; deny all; proxy_pass http://app; proxy_set_header Host $host; }
  location /far { allow 10.0.0.0/8; deny all; proxy_pass http://app; proxy_set_header Host $host; }
  location /closed { auth_basic "Closed"; auth_basic_user_file ${folder}/users; proxy_pass http://app; proxy_set_header Host $host; }
  location /old { return 301 https://new.test$request_uri; }
}`,
}

const caddy: Other = {
  name: 'caddy',
  config: ({ folder, port, upstream }) => `
http://site.test:${port} {
  header X-Frame-Options SAMEORIGIN
  handle_path /api/* {
    reverse_proxy ${upstream}
  }
  handle /exact {
    reverse_proxy ${upstream}
  }
  handle /static/* {
    root * ${folder}
    file_server
  }
  @far remote_ip 10.0.0.0/8
  handle /old* {
    redir https://new.test{uri} permanent
  }
  handle {
    reverse_proxy ${upstream}
  }
}`,
}

const apache: Other = {
  name: 'apache',
  config: ({ folder, port, upstream }) => `
<VirtualHost 127.0.0.1:${port}>
  ServerName site.test
  ProxyPreserveHost On
  Header always set X-Frame-Options SAMEORIGIN
  ProxyPass /api http://${upstream}
  ProxyPass /v1 http://${upstream}/v2
  ProxyPass /near http://${upstream}/near
  ProxyPass /far http://${upstream}/far
  ProxyPass /closed http://${upstream}/closed
  <Location /near>
    Require ip 127.0.0.0/8
  </Location>
  <Location /far>
    Require ip 10.0.0.0/8
  </Location>
  <Location /closed>
    AuthType Basic
    AuthName "Closed"
    AuthUserFile ${folder}/users
    Require valid-user
  </Location>
  ProxyPass / http://${upstream}/
</VirtualHost>`,
}

const paths = [
  '/',
  '/page?x=1',
  '/api/',
  '/api/users?y=2',
  '/v1/things',
  '/exact',
  '/exact/more',
  '/static/a.txt',
  '/static/none.txt',
  '/spa/deep/link',
  '/near',
  '/near/x',
  '/far',
  '/closed',
  '/old/thing?z=3',
]

for (const other of [nginx, caddy, apache])
  describe(`a site of ${other.name} moves in`, needs(other.name), () => {
    test('and every request gets the same as before', { timeout: 60_000 }, async (t) => {
      const { scene, yaml, port } = await moveIn(t, other)
      const gatehouse = await startProxy(t, yaml, { folder: scene.folder })
      const differences: string[] = []
      for (const path of paths)
        for (const ask of asksFor(path)) {
          const [before, after] = await Promise.all([
            answer(port, path, ask),
            answer(gatehouse.port(), path, ask),
          ])
          if (before !== after)
            differences.push(`${path} ${JSON.stringify(ask)}\n  before ${before}\n  after  ${after}`)
        }
      assert.deepEqual(differences, [], differences.join('\n'))
    })
  })

/** Files are not posted to: here that is 405, in others 404, or the file. */
function asksFor(path: string): Ask[] {
  const asks: Ask[] = [
    {},
    { headers: { authorization: `Basic ${Buffer.from('ann:test').toString('base64')}` } },
    { method: 'POST', body: 'x'.repeat(500) },
  ]
  return /static|spa/.test(path) ? asks.slice(0, 2) : asks
}

interface Ask {
  method?: string
  headers?: Record<string, string>
  body?: string
}

async function moveIn(t: Teardown, other: Other) {
  const folder = await tempFolder(t)
  await mkdir(join(folder, 'static'))
  await mkdir(join(folder, 'spa'))
  await writeFile(join(folder, 'static/a.txt'), 'a file')
  await writeFile(join(folder, 'spa/index.html'), 'the app')
  await writeFile(join(folder, 'users'), `${hash}\n`)
  const upstream = await startUpstream(t, (incoming, response) => {
    incoming.resume()
    response.end(
      `${incoming.method} ${incoming.url} for ${incoming.headers.host?.replace(/:\d+$/, '')} team ${incoming.headers['x-team'] ?? ''}`,
    )
  })
  let scene: Scene = { folder, port: 0, upstream: new URL(upstream.url).host }
  let config = ''
  const [lane] = await serveOnFreePorts(
    t,
    1,
    async (lanes) => {
      scene = { ...scene, port: lanes[0]?.plain ?? 0 }
      config = other.config(scene)
      return serveSites[other.name](config, scene.folder)
      // Caddy knows no such host, nginx and Apache ask for a password.
    },
    [200, 401],
  )
  await writeFile(join(folder, 'other.conf'), config)
  const { stdout, stderr, code } = await runCli(['import', join(folder, 'other.conf'), '--from', other.name])
  assert.notEqual(code, 2, stderr)
  // The same table on a port of its own.
  const yaml = stdout.replace(`port: ${scene.port}`, 'port: 0')
  return { scene, yaml, port: lane?.plain ?? 0 }
}

async function answer(port: number, path: string, ask: Ask): Promise<string> {
  const { status, headers, text } = await request(`http://127.0.0.1:${port}${path}`, {
    ...ask,
    // A page of an app is for whoever can read pages.
    headers: { host: 'site.test', accept: 'text/html', ...ask.headers },
  })
  // Pages of errors are each proxy's own.
  const body = status < 300 ? text : ''
  return JSON.stringify([
    status,
    headers.location ?? '',
    headers['www-authenticate']?.replace(/,? ?charset=.*/i, '') ?? '',
    status < 300 ? (headers['x-frame-options'] ?? '') : '',
    body,
  ])
}
