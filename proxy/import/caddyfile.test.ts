// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the environment is the matter
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importCaddyfile } from './caddyfile.ts'

const closed = ['0.0.0.0/0', '::/0']

/** Fault: of a host from the environment nothing was left, and the site was served to everybody in the clear. */
test('a host may come from the environment', () => {
  for (const [address, host] of [
    ['{$DOMAIN:a.test}', '${DOMAIN:-a.test}'],
    ['{$DOMAIN}', '${DOMAIN}'],
    ['https://{$DOMAIN:a.test}:8443', '${DOMAIN:-a.test}'],
  ] as const) {
    const { routes, listeners } = importCaddyfile(`${address} {\nreverse_proxy :1\n}`)
    assert.deepEqual(routes[0]?.hosts, [host])
    assert.ok(routes[0]?.listeners.every((name) => listeners.get(name)?.tls))
  }
})

test('a site without braces is one', () => {
  const { routes } = importCaddyfile('a.test\nencode gzip\nreverse_proxy :3000')
  assert.deepEqual(
    [routes.length, routes[0]?.hosts, routes[0]?.policies],
    [1, ['a.test'], { compress: true }],
  )
})

test('a listener stays on its address', () => {
  const { listeners } = importCaddyfile('http://a.test:81 {\nbind 10.0.0.1\nreverse_proxy :3000\n}')
  assert.deepEqual([...listeners.values()], [{ port: 81, address: '10.0.0.1', tls: false }])
})

/** Fault: certificates of clients were not asked for any more, and a service behind TLS was asked in the clear. */
test('who must show a certificate still must, and a service is reached as it was', () => {
  const site = (auth: string) => `a.test {
tls {
client_auth {
${auth}
}
}
reverse_proxy 10.0.0.9:8443 {
transport http {
tls
tls_server_name b.test
}
}
}`
  const known = importCaddyfile(site('mode require_and_verify\ntrusted_ca_cert_file ca.pem'))
  assert.deepEqual(known.listeners.get('https')?.clientCertificates, { ca: 'ca.pem', require: true })
  assert.deepEqual(
    [...known.upstreams.values()],
    [{ targets: ['https://10.0.0.9:8443'], tls: { servername: 'b.test' } }],
  )
  for (const auth of ['mode request', 'mode require_and_verify\ntrusted_leaf_cert_file a.pem'])
    assert.deepEqual(importCaddyfile(site(auth)).routes[0]?.policies.deny, closed)
})

test('a page for every path is one here, too, and a redirect with placeholders closes its path', () => {
  const { routes } = importCaddyfile('a.test {\nroot * /srv\ntry_files {path} /index.html\nfile_server\n}')
  assert.deepEqual(routes[0]?.files, { root: '/srv', spa: true })
  const redirected = importCaddyfile('a.test {\nredir /old https://{labels.1}.test\nreverse_proxy :1\n}')
  assert.deepEqual(
    redirected.routes.map(({ path, policies }) => [path, policies.deny]),
    [
      ['/', undefined],
      ['/old', closed],
    ],
  )
})
