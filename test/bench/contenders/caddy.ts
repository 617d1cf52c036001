import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runToEnd } from '../machine/child.ts'
import { loadCore } from '../machine/cores.ts'
import { firstLine } from '../machine/description.ts'
import { pathsByHost } from './addresses.ts'
import type { Contender, Place, Setup } from './contender.ts'

export const caddy: Contender = {
  name: 'caddy',
  title: 'Caddy',
  version: () => /^v?(\d\S*)/.exec(firstLine('caddy', ['version']) ?? '')?.[0].replace(/^v?/, 'Caddy '),
  launch(setup, place) {
    writeFileSync(join(place.folder, 'Caddyfile'), caddyfile(setup, place))
    return {
      file: 'caddy',
      args: ['run', '--config', join(place.folder, 'Caddyfile'), '--adapter', 'caddyfile'],
      env: {
        GOMAXPROCS: String(setup.workers ?? 1),
        HOME: place.folder,
        XDG_DATA_HOME: place.folder,
        XDG_CONFIG_HOME: place.folder,
      },
    }
  },
  async reload({ folder, adminPort }) {
    const address = `127.0.0.1:${adminPort}`
    const args = [
      'reload',
      '--force',
      '--config',
      'Caddyfile',
      '--adapter',
      'caddyfile',
      '--address',
      address,
    ]
    await runToEnd({ file: 'caddy', args, cwd: folder, env: { HOME: folder } }, loadCore)
  },
}

function caddyfile({ upstream, tls, routes }: Setup, { folder, port, tlsPort, adminPort }: Place): string {
  // Its default keeps 32 connections to the upstream and opens one anew for every stream beyond them.
  const relay = `reverse_proxy 127.0.0.1:${upstream} {
    transport http {
      keepalive_idle_conns_per_host 256
    }
  }`
  const sites =
    routes === undefined
      ? `http://:${port} {
  bind 127.0.0.1
  ${relay}
}`
      : [...pathsByHost(routes)]
          .map(
            ([host, paths]) => `http://${host}:${port} {
  bind 127.0.0.1
  ${paths.map((path) => `handle ${path}* {\n${relay}\n}`).join('\n')}
}`,
          )
          .join('\n')
  return `{
  admin 127.0.0.1:${adminPort}
  auto_https off
  log {
    level ERROR
  }
}
${sites}
${
  tls
    ? `https://:${tlsPort} {
  bind 127.0.0.1
  tls ${join(folder, 'cert.pem')} ${join(folder, 'key.pem')}
  ${relay}
}`
    : ''
}
`
}
