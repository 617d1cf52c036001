import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstLine } from '../machine/description.ts'
import { pathsByHost } from './addresses.ts'
import type { Contender, Place, Setup } from './contender.ts'

export const nginx: Contender = {
  name: 'nginx',
  title: 'nginx',
  version: () => /nginx\/\S+/.exec(firstLine('nginx', ['-v']) ?? '')?.[0],
  launch(setup, place) {
    writeFileSync(join(place.folder, 'nginx.conf'), nginxConfig(setup, place))
    return { file: 'nginx', args: ['-p', place.folder, '-c', 'nginx.conf', '-e', 'error.log'] }
  },
  reload: (_place, pid) => void process.kill(pid, 'SIGHUP'),
}

/** What stands around every nginx here, the upstream too. */
export function nginxFrame(workers: number, http: string): string {
  return `
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
pid nginx.pid;
worker_processes ${workers};
worker_rlimit_nofile 20000;
events { worker_connections 20000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path temp-${kind};`).join(' ')}
  ${http}
}
`
}

function nginxConfig({ upstream, tls, routes, workers = 1 }: Setup, { port, tlsPort }: Place): string {
  const listen = `
    listen 127.0.0.1:${port};
    ${tls ? `listen 127.0.0.1:${tlsPort} ssl http2;` : ''}`
  const locations = (paths: readonly string[]) =>
    paths.map((path) => `location ${path} { proxy_pass http://upstream; }`).join('\n')
  const servers =
    routes === undefined
      ? `server { ${listen} ${locations(['/'])} }`
      : [...pathsByHost(routes)]
          .map(([host, paths]) => `server { ${listen} server_name ${host}; ${locations(paths)} }`)
          .join('\n')
  return nginxFrame(
    workers,
    `
  ssl_certificate cert.pem;
  ssl_certificate_key key.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:tls:10m;
  server_names_hash_max_size 8192;
  server_names_hash_bucket_size 128;
  client_max_body_size 0;
  proxy_max_temp_file_size 0;
  proxy_request_buffering off;
  proxy_http_version 1.1;
  proxy_read_timeout 10m;
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_upgrade;
  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
  upstream upstream { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 1000000000; }
  ${servers}`,
  )
}
