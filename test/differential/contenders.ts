import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Gatehouse } from '../../proxy/gatehouse.ts'
import { selfSigned } from '../harness/certificate.ts'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { pathOf } from '../harness/parts.ts'
import { startProxy } from '../harness/proxy.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** A way through a proxy: its ports in the clear and with TLS. */
export interface Lane {
  readonly plain: number
  readonly secure: number
}

/** A proxy with a lane to each of its upstreams. `/closed` and what is below it answers 403 in all of them. */
export interface Contender {
  readonly name: 'Gatehouse' | 'nginx' | 'HAProxy'
  readonly version: string
  readonly lanes: readonly Lane[]
  /** Gatehouse alone: what runs in this process. */
  readonly gatehouse?: Gatehouse
}

/** `upstreams` are ports of 127.0.0.1. */
export async function startGatehouse(t: Teardown, upstreams: readonly number[]): Promise<Contender> {
  const each = (line: (lane: number) => string) => upstreams.map((_, lane) => line(lane)).join('\n')
  const proxy = await startProxy(
    t,
    [
      'listeners:',
      each((lane) => `  plain${lane}: { port: 0, address: 127.0.0.1 }`),
      each((lane) => `  secure${lane}: { port: 0, address: 127.0.0.1, tls: true }`),
      'upstreams:',
      each(
        (lane) => `  app${lane}: { targets: ["http://127.0.0.1:${upstreams[lane]}"], connectTimeout: 2s }`,
      ),
      'routes:',
      each((lane) => `  - { name: open${lane}, listeners: [plain${lane}, secure${lane}], to: app${lane} }`),
      each(
        (lane) =>
          `  - { name: closed${lane}, listeners: [plain${lane}, secure${lane}], match: { path: /closed }, policies: { allow: [192.0.2.1] }, to: app${lane} }`,
      ),
    ].join('\n'),
  )
  const lanes = upstreams.map((_, lane) => ({
    plain: proxy.port(`plain${lane}`),
    secure: proxy.port(`secure${lane}`),
  }))
  return { name: 'Gatehouse', version: '', lanes, gatehouse: proxy.gatehouse }
}

export async function startNginx(t: Teardown, upstreams: readonly number[]): Promise<Contender> {
  const folder = await tempFolder(t)
  const lanes = await makeLanes(upstreams.length)
  const { cert, key } = await selfSigned()
  await writeFile(join(folder, 'cert.pem'), cert)
  await writeFile(join(folder, 'key.pem'), key)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  await writeFile(
    join(folder, 'nginx.conf'),
    `${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
pid nginx.pid;
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.map((kind) => `${kind}_temp_path temp-${kind};`).join(' ')}
  ssl_certificate cert.pem;
  ssl_certificate_key key.pem;
  client_max_body_size 0;
  proxy_http_version 1.1;
  proxy_request_buffering off;
  proxy_next_upstream off;
  proxy_set_header Host $host;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_upgrade;
  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
  ${lanes
    .map(
      ({ plain, secure }, lane) => `
  upstream app${lane} { server 127.0.0.1:${upstreams[lane]}; keepalive 4; }
  server {
    listen 127.0.0.1:${plain};
    listen 127.0.0.1:${secure} ssl http2;
    location / { proxy_pass http://app${lane}; }
    location /closed { deny all; }
  }`,
    )
    .join('')}
}
`,
  )
  const file = pathOf('nginx')
  const version = await serve(t, lanes, file, ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'])
  return { name: 'nginx', version: version('-v'), lanes }
}

export async function startHaproxy(t: Teardown, upstreams: readonly number[]): Promise<Contender> {
  const folder = await tempFolder(t)
  const lanes = await makeLanes(upstreams.length)
  const { cert, key } = await selfSigned()
  await writeFile(join(folder, 'both.pem'), `${cert}\n${key}`)
  await writeFile(
    join(folder, 'haproxy.cfg'),
    `
global
  nbthread 1
  maxconn 1000
defaults
  mode http
  option forwardfor
  timeout connect 2s
  timeout client 60s
  timeout server 60s
${lanes
  .map(
    ({ plain, secure }, lane) => `
frontend front${lane}
  bind 127.0.0.1:${plain}
  bind 127.0.0.1:${secure} ssl crt ${join(folder, 'both.pem')} alpn h2,http/1.1
  http-request deny if { path /closed } || { path_beg /closed/ }
  default_backend app${lane}
backend app${lane}
  server app 127.0.0.1:${upstreams[lane]}
`,
  )
  .join('')}`,
  )
  const version = await serve(t, lanes, pathOf('haproxy'), ['-db', '-f', join(folder, 'haproxy.cfg')])
  return { name: 'HAProxy', version: version('-v'), lanes }
}

async function makeLanes(count: number): Promise<Lane[]> {
  const lanes: Lane[] = []
  while (lanes.length < count) lanes.push({ plain: await freePort(), secure: await freePort() })
  return lanes
}

/** Runs a server in the foreground until the test ends, once its last lane answers. */
async function serve(
  t: Teardown,
  lanes: readonly Lane[],
  file: string,
  args: readonly string[],
): Promise<(flag: string) => string> {
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk
  })
  // Teardown does not run where the test's own process dies.
  const onExit = () => void child.kill('SIGKILL')
  process.once('exit', onExit)
  onEnd(t, async () => {
    process.off('exit', onExit)
    await end(child)
  })
  const last = lanes.at(-1)
  if (last === undefined) throw new Error('A contender needs a lane')
  await eventually(
    async () => {
      if (child.exitCode !== null) throw new Error(`${file} ended: ${said}`)
      return (
        (await rawRequest(last.plain, 'GET /closed HTTP/1.1\r\nHost: localhost\r\n\r\n')).statuses[0] === 403
      )
    },
    { timeout: 10_000, every: 50 },
  )
  return (flag) => {
    const shown = execFileSync('/bin/sh', ['-c', `"${file}" ${flag} 2>&1`]).toString()
    return /\d+\.\d+\.\d+/.exec(shown)?.[0] ?? 'unknown'
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const impatience = setTimeout(() => child.kill('SIGKILL'), 3000)
  await gone
  clearTimeout(impatience)
}
