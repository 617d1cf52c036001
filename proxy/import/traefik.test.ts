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
    [
      'routers.api.rule: PathPrefix(/api)',
      'routers.odd.rule: HeadersRegexp(`X-A`, `.*`)',
      'middlewares.slow.average',
    ],
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

const closed = ['0.0.0.0/0', '::/0']

/** One router a of a.test with these parts, and others beside it. */
const imported = (more: {
  router?: object
  routers?: object
  middlewares?: object
  tls?: object
  service?: object
}) =>
  importTraefik(
    stringify({
      http: {
        routers: {
          a: { rule: 'Host(`a.test`)', entryPoints: ['websecure'], service: 's', ...more.router },
          ...more.routers,
        },
        services: { s: { loadBalancer: { servers: [{ url: 'http://10.0.0.1' }], ...more.service } } },
        middlewares: more.middlewares ?? {},
      },
      ...(more.tls === undefined ? {} : { tls: more.tls }),
    }),
  )
const policiesOf = (middlewares: object) =>
  imported({ middlewares, router: { middlewares: Object.keys(middlewares) } }).routes[0]?.policies ?? {}

/** Fault: certificates that clients must show were asked for in another part of the file, which nobody read. */
test('who must show a certificate still must', () => {
  const clientAuth = { caFiles: ['ca.pem'], clientAuthType: 'RequireAndVerifyClientCert' }
  for (const [router, options] of [
    [{ tls: { options: 'strict' } }, { strict: { clientAuth } }],
    [{ tls: {} }, { default: { clientAuth } }],
  ] as const) {
    const { listeners, routes } = imported({ router, tls: { options } })
    assert.deepEqual(listeners.get('https')?.clientCertificates, { ca: 'ca.pem', require: true })
    assert.equal(routes[0]?.policies.deny, undefined)
  }
  const { routes } = imported({ router: { tls: { options: 'elsewhere@file' } } })
  assert.deepEqual(routes[0]?.policies.deny, closed)
})

/** Fault: five a minute became five a second, and all of a host one for each client. */
test('a limit is as long as it was, and counts by what it counted', () => {
  assert.deepEqual(policiesOf({ l: { rateLimit: { average: 5, period: '1m', burst: 2 } } }).rateLimit, {
    limit: 7,
    per: '60s',
  })
  assert.deepEqual(
    policiesOf({ l: { rateLimit: { average: 100, period: '1h', sourceCriterion: { requestHost: true } } } })
      .rateLimit,
    { limit: 101, per: '3600s', by: 'route' },
  )
})

test('a chain is its middlewares, and two lists of addresses are none that could be said', () => {
  const middlewares = {
    both: { chain: { middlewares: ['inside', 'fields'] } },
    inside: { ipAllowList: { sourceRange: ['10.0.0.0/8'] } },
    fields: { headers: { customRequestHeaders: { 'X-Remote-User': '' }, frameDeny: true, stsSeconds: 60 } },
  }
  const { routes } = imported({ middlewares, router: { middlewares: ['both@file'] } })
  assert.deepEqual(routes[0]?.policies, {
    allow: ['10.0.0.0/8'],
    headers: {
      request: { set: {}, remove: ['X-Remote-User'] },
      response: { set: { 'X-Frame-Options': 'DENY', 'Strict-Transport-Security': 'max-age=60' }, remove: [] },
    },
  })
  const two = { ...middlewares, other: { ipAllowList: { sourceRange: ['10.0.0.1'] } } }
  const { routes: narrower } = imported({ middlewares: two, router: { middlewares: ['both', 'other'] } })
  assert.deepEqual(narrower[0]?.policies.deny, closed)
})

test('whom a service that is asked names, no client can', () => {
  const { forwardAuth } = policiesOf({
    ask: { forwardAuth: { address: 'http://10.0.0.2/ask', authResponseHeaders: ['Remote-User'] } },
  }) as { forwardAuth?: object }
  assert.deepEqual(forwardAuth, { url: 'http://10.0.0.2/ask', responseHeaders: ['Remote-User'] })
})

/** Fault: a router that was left out left its path to the one around it, with fewer guards or none. */
test('what a guarded router kept to itself is of nobody else when it is left out', () => {
  const inside = { inside: { ipAllowList: { sourceRange: ['10.0.0.0/8'] } } }
  const pattern = imported({
    middlewares: inside,
    routers: {
      p: { rule: 'Host(`a.test`) && PathRegexp(`^/admin`)', service: 's', middlewares: ['inside'] },
    },
  })
  assert.deepEqual(pattern.routes[0]?.policies.deny, closed)
  const internal = imported({
    // It is Traefik's own, and no other by that name.
    service: {},
    routers: {
      d: {
        rule: 'Host(`a.test`) && PathPrefix(`/dashboard`)',
        entryPoints: ['websecure'],
        service: 's@internal',
      },
    },
  })
  assert.deepEqual(
    internal.routes.map(({ path, policies }) => [path, policies.deny]),
    [
      ['/', undefined],
      ['/dashboard', closed],
    ],
  )
  const longer = imported({
    middlewares: inside,
    router: { rule: 'Host(`a.test`) || Host(`b.test`) || Host(`c.test`)', middlewares: ['inside'] },
    routers: { o: { rule: 'Host(`a.test`) && Path(`/o`)', entryPoints: ['websecure'], service: 's' } },
  })
  assert.deepEqual(longer.routes[1]?.policies.deny, closed)
})

test('an entry point that is not known is open to nobody, and a container that is switched off neither', () => {
  const { routes } = imported({ router: { entryPoints: ['lan'] } })
  assert.deepEqual(routes[0]?.policies.deny, closed)
  const labels = (enable: boolean) => ({
    image: 'x',
    labels: {
      'traefik.enable': String(enable),
      [`traefik.http.routers.r${enable}.rule`]: `Host(\`${enable}.test\`)`,
      [`traefik.http.services.r${enable}.loadbalancer.server.port`]: '3000',
      [`traefik.http.services.r${enable}.loadbalancer.server.scheme`]: 'https',
    },
  })
  const { routes: enabled, upstreams } = importTraefik(
    stringify({ services: { on: labels(true), off: labels(false) } }),
  )
  assert.deepEqual(
    enabled.map(({ hosts }) => hosts),
    [['true.test']],
  )
  assert.deepEqual(
    [...upstreams.values()].map(({ targets }) => targets),
    [['https://on:3000']],
  )
})

test('what is stripped is what the path begins with, and nothing else', () => {
  const stripping = (rule: string) =>
    imported({
      router: { rule, middlewares: ['m'] },
      middlewares: { m: { stripPrefix: { prefixes: ['/api'] } } },
    }).routes.map(({ prefix }) => prefix)
  assert.deepEqual(stripping('PathPrefix(`/api`)'), ['strip'])
  assert.deepEqual(stripping('PathPrefix(`/api/v1`)'), ['/v1'])
  assert.deepEqual(stripping('PathPrefix(`/other`)'), [undefined])
})
