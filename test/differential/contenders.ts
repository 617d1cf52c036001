import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Gatehouse } from '../../proxy/gatehouse.ts'
import { selfSigned } from '../harness/certificate.ts'
import { pathOf } from '../harness/parts.ts'
import { startProxy } from '../harness/proxy.ts'
import type { Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { type Lane, serveOnFreePorts, versionOf } from './server-process.ts'

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
  const { cert, key } = await selfSigned()
  await writeFile(join(folder, 'cert.pem'), cert)
  await writeFile(join(folder, 'key.pem'), key)
  const file = pathOf('nginx')
  const lanes = await serveOnFreePorts(t, upstreams.length, async (lanes) => {
    await writeFile(join(folder, 'nginx.conf'), nginxConfig(lanes, upstreams))
    return { file, args: ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'] }
  })
  return { name: 'nginx', version: versionOf(file, '-v'), lanes }
}

/** What Mozilla recommends for servers whose clients are of the last years: the suites that Gatehouse has of itself. */
const mozillaIntermediate = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

function nginxConfig(lanes: readonly Lane[], upstreams: readonly number[]): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
pid nginx.pid;
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.map((kind) => `${kind}_temp_path temp-${kind};`).join(' ')}
  ssl_certificate cert.pem;
  ssl_certificate_key key.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_ciphers ${mozillaIntermediate};
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
`
}

export async function startHaproxy(t: Teardown, upstreams: readonly number[]): Promise<Contender> {
  const folder = await tempFolder(t)
  const { cert, key } = await selfSigned()
  const [both, config] = [join(folder, 'both.pem'), join(folder, 'haproxy.cfg')]
  await writeFile(both, `${cert}\n${key}`)
  const file = pathOf('haproxy')
  const lanes = await serveOnFreePorts(t, upstreams.length, async (lanes) => {
    await writeFile(config, haproxyConfig(lanes, upstreams, both))
    return { file, args: ['-db', '-f', config] }
  })
  return { name: 'HAProxy', version: versionOf(file, '-v'), lanes }
}

function haproxyConfig(lanes: readonly Lane[], upstreams: readonly number[], certificate: string): string {
  return `
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
  bind 127.0.0.1:${secure} ssl crt ${certificate} alpn h2,http/1.1
  http-request deny if { path /closed } || { path_beg /closed/ }
  default_backend app${lane}
backend app${lane}
  server app 127.0.0.1:${upstreams[lane]}
`,
  )
  .join('')}`
}
