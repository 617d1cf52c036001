import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { secret } from '../load/token.ts'
import { runToEnd } from '../machine/child.ts'
import { loadCore } from '../machine/cores.ts'
import { routeAddresses } from './addresses.ts'
import type { Contender, Place, Setup } from './contender.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Gatehouse as it is started by hand: `./gatehouse serve --file routes.yaml`. */
export const gatehouse: Contender = {
  name: 'gatehouse',
  title: 'Gatehouse',
  version: () => `Gatehouse ${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}`,
  launch(setup, place) {
    writeFileSync(join(place.folder, 'secret'), secret)
    writeFileSync(join(place.folder, 'routes.yaml'), routesYaml(setup, place))
    return {
      file: join(root, 'gatehouse'),
      args: ['serve', '--file', join(place.folder, 'routes.yaml')],
      cwd: place.folder,
      env: environment(place),
    }
  },
  /** A route more, so that there is something to take up; the file is watched. */
  reload({ folder }) {
    const file = join(folder, 'routes.yaml')
    const text = readFileSync(file, 'utf8')
    const count = text.split('\n').filter((line) => line.includes('added-')).length
    writeFileSync(
      file,
      `${text}  - { name: added-${count}, match: { path: /added-${count} }, to: upstream }\n`,
    )
  },
}

/** The ports come from the environment, as in routes.yaml of the project. */
function environment({ port, tlsPort, adminPort }: Place): NodeJS.ProcessEnv {
  return { HTTP_PORT: String(port), HTTPS_PORT: String(tlsPort), ADMIN_PORT: String(adminPort) }
}

/** A token by which targets of the upstream may be announced. */
export async function makeToken(place: Place): Promise<string> {
  const { folder } = place
  const args = ['token', '--upstream', 'upstream', '--file', join(folder, 'routes.yaml')]
  return (
    await runToEnd({ file: join(root, 'gatehouse'), args, cwd: folder, env: environment(place) }, loadCore)
  ).trim()
}

function routesYaml(setup: Setup, place: Place): string {
  return `
listeners:
  plain: { port: "\${HTTP_PORT}", address: 127.0.0.1 }
  ${setup.tls ? `https: { port: "\${HTTPS_PORT}", address: 127.0.0.1 }` : ''}
tls:
  certificates: [{ cert: cert.pem, key: key.pem }]
admin: { port: "\${ADMIN_PORT}" }
workers: ${setup.workers ?? 1}
accessLog: { file: ${join(place.folder, 'access.log')} }
# The others queue what is too much for them instead of refusing it, and all who measure come from one address.
limits: { stop: 1s, delay: 0s, connectionsPerClient: 0 }
upstreams:
  upstream: { ${setup.leased ? 'leased: true' : `targets: ["http://127.0.0.1:${setup.upstream}"]`}, connections: 20000 }
defaults:
  policies:${policiesYaml(setup)}
routes:
${routesOf(setup).join('\n')}
`
}

function policiesYaml({ policies, tokens }: Setup): string {
  const jwt = '\n    jwt: { key: secret }'
  if (tokens) return jwt
  if (!policies) return ' {}'
  return `
    allow: [127.0.0.0/8, 10.0.0.0/8]
    rateLimit: { limit: 1000000000, per: 1m, by: client }${jwt}
    securityHeaders: true`
}

/** The others write no access log, so neither does Gatehouse unless all its policies are on. */
function routesOf({ tls, routes, policies }: Setup): string[] {
  const common = `listeners: [plain${tls ? ', https' : ''}], to: upstream, timeouts: { idle: 10m }${policies ? '' : ', accessLog: false'}`
  if (routes === undefined) return [`  - { name: all, ${common} }`]
  return routeAddresses(routes).map(
    ({ host, path }, index) =>
      `  - { name: route-${index}, match: { host: ${host}, path: ${path} }, ${common} }`,
  )
}
