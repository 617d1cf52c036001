import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import { routesYaml } from './imported.ts'
import { importTraefik } from './traefik.ts'

const written = {
  http: {
    routers: {
      'to-https': { rule: 'HostRegexp(`.+`)', entryPoints: ['web'], middlewares: ['secure'], service: 'app' },
      app: {
        rule: 'Host(`app.example`, `www.app.example`)',
        entryPoints: ['websecure'],
        service: 'app',
        tls: { certResolver: 'le' },
      },
      api: {
        rule: 'Host(`app.example`) && (PathPrefix(`/api`) || Path(`/health`))',
        entryPoints: ['websecure'],
        service: 'api',
        middlewares: ['inside', 'slow', 'strip'],
      },
      odd: { rule: 'HeadersRegexp(`X-A`, `.*`)', service: 'app' },
    },
    services: {
      app: { loadBalancer: { servers: [{ url: 'http://10.0.0.1:80' }, { url: 'http://10.0.0.2:80' }] } },
      api: { loadBalancer: { servers: [{ url: 'http://10.0.0.3:8080' }], healthCheck: { path: '/health' } } },
    },
    middlewares: {
      secure: { redirectScheme: { scheme: 'https', permanent: true } },
      inside: { ipAllowList: { sourceRange: ['10.0.0.0/8'] } },
      slow: { rateLimit: { average: 10, burst: 20 } },
      strip: { stripPrefix: { prefixes: ['/api'] } },
    },
  },
}

async function check(yaml: string) {
  const loaded = await loadConfig({ file: 'routes.yaml', text: yaml })
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.problems.map(formatProblem).join('\n'))
  return loaded.config
}

test("Traefik's file provider becomes routes that pass the check", async () => {
  const imported = importTraefik(stringify(written))
  const config = await check(routesYaml(imported, 'dynamic.yml'))
  assert.deepEqual(
    config.routes.map(({ name, match, to }) => [name, match.host, match.path, match.exact, to]),
    [
      ['app', ['app.example', 'www.app.example'], ['/'], false, 'app'],
      ['api', ['app.example'], ['/api'], false, 'api'],
      ['api-2', ['app.example'], ['/health'], true, 'api'],
    ],
  )
  assert.equal(config.listeners.http?.redirect, 'https')
  assert.deepEqual(config.upstreams.app?.targets?.length, 2)
  assert.equal(config.upstreams.api?.health?.path, '/health')
  const api = config.routes[1]
  assert.equal(api?.forward.prefix, 'strip')
  assert.deepEqual(
    Object.keys(api?.policies ?? {})
      .filter((name) => name !== 'extensions')
      .sort(),
    ['allow', 'rateLimit'],
  )
  assert.deepEqual(
    imported.leftOut.map(({ text }) => text),
    ['routers.odd.rule: HeadersRegexp(`X-A`, `.*`)'],
  )
})

test('labels of a compose file are the same by another spelling', async () => {
  const imported = importTraefik(
    stringify({
      services: {
        web: {
          image: 'web',
          labels: [
            'traefik.enable=true',
            'traefik.http.routers.web.rule=Host(`web.example`)',
            'traefik.http.routers.web.entrypoints=websecure',
            'traefik.http.routers.web.middlewares=gz',
            'traefik.http.middlewares.gz.compress=true',
            'traefik.http.services.web.loadbalancer.server.port=3000',
          ],
        },
        other: { image: 'x', labels: { 'traefik.http.routers.__proto__.rule': 'Host(`evil`)' } },
      },
    }),
  )
  const config = await check(routesYaml(imported, 'compose.yml'))
  assert.equal(config.routes.length, 1)
  const [route] = config.routes
  assert.deepEqual([route?.match.host, route?.to], [['web.example'], 'web'])
  assert.equal(({} as { rule?: unknown }).rule, undefined)
})

test('what is neither is told', () => {
  for (const text of ['', '5', '{}', 'http: {}', 'services: { a: {} }'])
    assert.throws(() => importTraefik(text), /there is no router in it/)
})
