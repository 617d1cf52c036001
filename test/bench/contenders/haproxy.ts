import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstLine } from '../machine/description.ts'
import { routeAddresses } from './addresses.ts'
import type { Contender, Place, Setup } from './contender.ts'

export const haproxy: Contender = {
  name: 'haproxy',
  title: 'HAProxy',
  version: () => /version (\S+)/.exec(firstLine('haproxy', ['-v']) ?? '')?.[0].replace('version', 'HAProxy'),
  launch(setup, place) {
    const at = (name: string) => join(place.folder, name)
    writeFileSync(
      at('both.pem'),
      ['cert.pem', 'key.pem'].map((name) => readFileSync(at(name), 'utf8')).join('\n'),
    )
    const addresses = routeAddresses(setup.routes ?? 0)
    writeFileSync(at('routes.map'), addresses.map(({ host, path }) => `${host}${path} upstream\n`).join(''))
    writeFileSync(at('haproxy.cfg'), haproxyConfig(setup, place))
    return { file: 'haproxy', args: ['-W', '-f', at('haproxy.cfg')] }
  },
  reload: (_place, pid) => void process.kill(pid, 'SIGUSR2'),
}

function haproxyConfig(
  { upstream, tls, routes, workers = 1 }: Setup,
  { folder, port, tlsPort }: Place,
): string {
  return `
global
  nbthread ${workers}
  maxconn 9000
  stats socket ${join(folder, 'haproxy.sock')} mode 600 level admin expose-fd listeners
defaults
  mode http
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 10m
  timeout server 10m
  timeout tunnel 10m
frontend front
  bind 127.0.0.1:${port}
  ${tls ? `bind 127.0.0.1:${tlsPort} ssl crt ${join(folder, 'both.pem')} alpn h2,http/1.1` : ''}
  ${
    routes === undefined
      ? 'default_backend upstream'
      : `use_backend %[base,map_beg(${join(folder, 'routes.map')})] if { base,map_beg(${join(folder, 'routes.map')}) -m found }`
  }
backend upstream
  server upstream 127.0.0.1:${upstream} pool-max-conn 256
`
}
