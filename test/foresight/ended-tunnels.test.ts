/**
 * A tunnel that the new table would not let in ends, and `gatehouse plan` says so by the same rule.
 *
 * Fault: only the policies of a tunnel's own route were compared. A route that was added with policies of its own took
 * over an address, and tunnels that stood there went on without ever having been asked by them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endedTunnels } from '../../proxy/cli/plan-tunnels.ts'
import { eventually } from '../harness/eventually.ts'
import { startProxy } from '../harness/proxy.ts'
import { startUpstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'

interface Change {
  readonly before: readonly string[]
  readonly after: readonly string[]
  /** Whether tunnels on these paths end. */
  readonly tunnels: Readonly<Record<string, boolean>>
  /** What the plan says. */
  readonly plan: readonly { route: string; only?: string }[]
}

const app = 'name: app, match: { path: /app }, to: up'
const changes: Readonly<Record<string, Change>> = {
  'nothing but the order': {
    before: [app, 'name: rest, to: up'],
    after: ['name: rest, to: up', app],
    tunnels: { '/app': false, '/other': false },
    plan: [],
  },
  'a route that takes a part of another': {
    before: [app],
    after: [app, 'name: admin, match: { path: /app/admin }, policies: { deny: [127.0.0.0/8] }, to: up'],
    tunnels: { '/app/x': false, '/app/admin/x': true },
    plan: [{ route: 'app', only: '/app/admin' }],
  },
  'a route that takes a value of a parameter': {
    before: ['name: desk, match: { path: "/desk/:key/screen" }, to: up'],
    after: [
      'name: desk, match: { path: "/desk/:key/screen" }, to: up',
      'name: closed, match: { path: /desk/ann }, policies: { maintenance: true }, to: up',
    ],
    tunnels: { '/desk/bob/screen': false, '/desk/ann/screen': true },
    plan: [{ route: 'desk', only: '/desk/ann/screen' }],
  },
  'a route for a host takes from the one of every host': {
    before: [app],
    after: [app, 'name: local, match: { host: 127.0.0.1 }, to: up'],
    tunnels: { '/app': true },
    plan: [{ route: 'app', only: '127.0.0.1/app' }],
  },
  'a path that the route lost': {
    before: ['name: app, match: { path: [/app, /old] }, to: up'],
    after: [app],
    tunnels: { '/app': false, '/old/x': true },
    plan: [{ route: 'app', only: '/old' }],
  },
  'an exact path in place of a prefix': {
    before: [app],
    after: ['name: app, match: { path: /app, exact: true }, to: up', 'name: rest, to: up'],
    tunnels: { '/app': false, '/app/x': true },
    plan: [{ route: 'app', only: '/app/below' }],
  },
  'parameters that changed places': {
    before: ['name: desk, match: { path: "/:who/:what" }, to: up'],
    after: ['name: desk, match: { path: "/:what/:who" }, to: up'],
    tunnels: { '/ann/desk': true },
    plan: [{ route: 'desk' }],
  },
  'methods that no handshake has': {
    before: [app],
    after: ['name: app, match: { path: /app, methods: [POST] }, to: up', 'name: rest, to: up'],
    tunnels: { '/app': true },
    plan: [{ route: 'app' }],
  },
  'other policies': {
    before: [app],
    after: [`${app}, policies: { deny: [10.9.9.9] }`],
    tunnels: { '/app': true },
    plan: [{ route: 'app' }],
  },
  'a redirect in place of the upstream': {
    before: [app],
    after: ['name: app, match: { path: /app }, redirect: /new'],
    tunnels: { '/app': true },
    plan: [{ route: 'app' }],
  },
  'what is written into responses, and how long is waited': {
    before: [app],
    after: [`${app}, timeouts: { idle: 2h }, policies: { headers: { response: { set: { X-A: b } } } }`],
    tunnels: { '/app': false },
    plan: [],
  },
}

for (const [what, { before, after, tunnels, plan }] of Object.entries(changes))
  test(`tunnels after a change: ${what}`, async (t) => {
    const upstream = await startUpstream(t, undefined, { websocket: () => {} })
    const table = (routes: readonly string[]) =>
      [
        `upstreams: { up: { targets: ["${upstream.url}"] } }`,
        'routes:',
        ...routes.map((route) => `  - { ${route} }`),
      ].join('\n')
    const proxy = await startProxy(t, table(before))
    const was = proxy.gatehouse.state.table
    const open = await Promise.all(
      Object.keys(tunnels).map((path) => openWebSocket(t, `${proxy.url().replace('http', 'ws')}${path}`)),
    )
    await proxy.reload(table(after))
    assert.deepEqual(endedTunnels(was, proxy.gatehouse.state.table), plan)
    for (const [index, [path, ends]] of Object.entries(tunnels).entries()) {
      if (ends) await open[index]?.closed
      else {
        // One that stays still carries what is sent.
        assert.equal(open[index]?.socket.readyState, 1, path)
      }
    }
    await eventually(() => {
      const left = [...proxy.gatehouse.inFlight].filter(({ kind }) => kind === 'websocket').length
      return left === Object.values(tunnels).filter((ends) => !ends).length
    })
  })
