import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { type PolicyName, policySchemas } from '../../proxy/config/policy-schemas.ts'
import { type ErrorCode, errors } from '../../proxy/errors.ts'
import { eventually } from '../harness/eventually.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'

/**
 * Over the wire, every policy that decides refuses the same through each of the three doors; in observe mode it
 * refuses nobody and is in the log. The service behind never hears of whom it refused.
 */

interface Row {
  policy: PolicyName | 'mine'
  /** As in routes.yaml, without `mode`. */
  options: string
  code: ErrorCode
  headers?: Record<string, string>
  body?: string
  /** A field that the refusal must have. */
  field?: [name: string, value: RegExp]
  /** What the refusal says, where it is not ours but that of the service which was asked. */
  says?: string
  /** Asked once before: only the next is refused. */
  spend?: true
  /** Doors through which there is nothing to refuse. */
  open?: ('HTTP/1.1' | 'HTTP/2' | 'an upgrade')[]
}

const t = { after }
const folder = await tempFolder(t)
const guard = await startUpstream(t, (_request, response) => response.writeHead(403).end('not by me'))
await writeFile(join(folder, 'users'), 'ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n')
await writeFile(
  join(folder, 'mine.ts'),
  "export default { kind: 'policy', create: () => ({ decide: () => ({ verdict: 'deny', code: 'policy_denied', reason: 'not today' }) }) }",
)

const rows: Row[] = [
  {
    policy: 'maintenance',
    options: 'on: true, retryAfter: 90s',
    code: 'maintenance',
    field: ['retry-after', /^90$/],
  },
  { policy: 'deny', options: 'networks: [127.0.0.0/8]', code: 'address_denied' },
  { policy: 'allow', options: 'networks: [10.0.0.5]', code: 'address_denied' },
  {
    policy: 'cors',
    options: 'origins: ["https://app.example"]',
    code: 'policy_denied',
    headers: { origin: 'https://evil.example' },
    // A browser keeps the answer from a page that may not read it. Nobody does that for a WebSocket.
    open: ['HTTP/1.1', 'HTTP/2'],
  },
  { policy: 'methods', options: 'allow: [POST]', code: 'method_not_allowed', field: ['allow', /^POST$/] },
  {
    policy: 'rateLimit',
    options: 'limit: 1, per: 1h',
    code: 'rate_limited',
    spend: true,
    field: ['retry-after', /^\d+$/],
  },
  // A handshake has no body: one that says it has is refused before any policy.
  {
    policy: 'maxBody',
    options: 'size: 1B',
    code: 'body_too_large',
    headers: { 'content-length': '2' },
    body: 'ab',
    open: ['an upgrade'],
  },
  {
    policy: 'basicAuth',
    options: 'users: users, realm: Room',
    code: 'credentials_required',
    field: ['www-authenticate', /^Basic realm="Room"/],
  },
  {
    policy: 'jwt',
    options: 'key: env:KEY',
    code: 'token_required',
    field: ['www-authenticate', /^Bearer/],
  },
  { policy: 'forwardAuth', options: `url: "${guard.url}/"`, code: 'forward_auth_denied', says: 'not by me' },
  { policy: 'mine', options: 'any: option', code: 'policy_denied' },
]

const upstream = await startUpstream(t, undefined, { websocket: () => {} })
const routeOf = ({ policy, options }: Row, mode: string) =>
  `    - { name: ${policy}-${mode}, match: { path: /${mode}/${policy} }, to: app, policies: { ${policy}: { ${options}, mode: ${mode} } } }`
const proxy = await startProxy(
  t,
  `
  listeners: { https: { port: 0, address: 127.0.0.1 } }
  extensions: { mine: mine.ts }
  upstreams: { app: { targets: ["${upstream.url}"] } }
  routes:
${rows.flatMap((row) => ['enforce', 'observe'].map((mode) => routeOf(row, mode))).join('\n')}
  `,
  { folder, env: { KEY: 'a secret of more than thirty-two bytes' } },
)

type Heard = { status: number; headers: Record<string, unknown>; text: string }
type Ask = Pick<Row, 'headers' | 'body'>
const handshake = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}
const doors = {
  'HTTP/1.1': (path: string, ask: Ask): Promise<Heard> =>
    request(proxy.url() + path, { method: ask.body && 'PUT', ...ask }),
  'HTTP/2': async (path: string, { headers, body }: Ask): Promise<Heard> =>
    (await connectHttp2(t, proxy.port())).request(path, { method: body && 'PUT', headers, body }),
  'an upgrade': (path: string, { headers }: Ask): Promise<Heard> =>
    request(proxy.url() + path, { headers: { ...handshake, ...headers, 'content-length': '0' } }),
}

for (const row of rows) {
  const { policy, code, headers, body, field, says, open = [], spend } = row
  describe(policy, () => {
    for (const [door, ask] of Object.entries(doors) as [keyof typeof doors, (typeof doors)['HTTP/1.1']][]) {
      const passing = door === 'an upgrade' ? 101 : 200
      const refuses = !open.includes(door)
      test(`${refuses ? 'refuses' : 'lets pass'} over ${door}`, async () => {
        if (spend) await ask(`/enforce/${policy}`, {})
        const before = upstream.requests.length
        const reply = await ask(`/enforce/${policy}`, { headers, body })
        if (!refuses) return assert.equal(reply.status, passing)
        assert.equal(reply.status, errors[code].status)
        if (says) assert.equal(reply.text, says)
        else assert.equal(JSON.parse(reply.text).code, code)
        if (field) assert.match(`${reply.headers[field[0]]}`, field[1])
        assert.equal(upstream.requests.length, before)
      })

      test(`only observes over ${door}, if that is its mode`, async () => {
        if (spend) await ask(`/observe/${policy}`, {})
        const id = `${policy}-${door}`
        const before = upstream.requests.length
        const reply = await ask(`/observe/${policy}?id=${encodeURIComponent(id)}`, { headers, body })
        assert.equal(reply.status, passing)
        assert.equal(upstream.requests.length, before + 1)
        const line = await eventually(async () =>
          (await proxy.accessLog()).find((each) =>
            `${(each.request as { uri: string }).uri}`.endsWith(`id=${encodeURIComponent(id)}`),
          ),
        )
        const [observed] = (line.observed ?? []) as { policy: string; reason: string }[]
        assert.equal(observed?.policy, refuses ? policy : undefined)
        assert.deepEqual([line.decision, line.deny_policy], ['allow', undefined])
      })
    }
  })
}

test('no policy that can refuse is missing here', () => {
  const decideNothing: PolicyName[] = ['securityHeaders', 'headers', 'cache', 'compress']
  const all = new Set<string>([...rows.map(({ policy }) => policy), ...decideNothing])
  assert.deepEqual([...all].sort(), [...Object.keys(policySchemas), 'mine'].sort())
})
