import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importApache } from './apache.ts'

const closed = ['0.0.0.0/0', '::/0']
const host = (rules: string, address = '*:80') =>
  importApache(`<VirtualHost ${address}>\nServerName a.test\n${rules}\n</VirtualHost>`)
const passed = (rules: string) => host(`${rules}\nProxyPass / http://10.0.0.9/`)

test('a listener stays on its address', () => {
  const { listeners } = host('ProxyPass / http://10.0.0.9/', '127.0.0.1:8080 [::1]:8080 *:81')
  assert.deepEqual(
    Array.from(listeners.values(), ({ port, address }) => [port, address]),
    [
      [8080, '127.0.0.1'],
      [8080, '::1'],
      [81, undefined],
    ],
  )
})

/** Fault: `Require valid-user` of another module than Basic left the route open, and nothing was said. */
test('a user whom no password file knows is nobody', () => {
  for (const rules of [
    'AuthType openid-connect\nRequire valid-user',
    'AuthType Basic\nAuthName x\nAuthBasicProvider ldap\nRequire valid-user',
    'AuthType Digest\nAuthName x\nAuthUserFile users\nRequire valid-user',
  ]) {
    const { routes, leftOut } = passed(`<Location />\n${rules}\n</Location>`)
    assert.deepEqual(routes[0]?.policies.deny, closed, rules)
    assert.ok(leftOut.length > 0, rules)
  }
})

test('networks are read as Apache writes them', () => {
  const { routes } = passed(
    '<Location />\nRequire ip 10.1 192.168.0.0/255.255.0.0 10.0.0.1 2001:db8::/32\n</Location>',
  )
  assert.deepEqual(routes[0]?.policies.allow, ['10.1.0.0/16', '192.168.0.0/16', '10.0.0.1', '2001:db8::/32'])
})

/** Fault: one redirect to the own name by TLS made all of the host one, and the rest of it was gone without a word. */
test('a redirect of one path is none of all', () => {
  const { routes, listeners } = passed('Redirect permanent /old https://a.test/')
  assert.deepEqual(routes.map(({ path }) => path).sort(), ['/', '/old'])
  assert.equal(listeners.get('http')?.redirect, undefined)
  assert.equal(host('Redirect permanent / https://a.test/').listeners.get('http')?.redirect, 'https')
})

test('what goes on behind a backslash leaves the lines after it where they are', () => {
  const { leftOut } = passed('Header set X-A \\\n  b\nOdd on')
  assert.deepEqual(
    leftOut.map(({ line, text }) => [line, text]),
    [[5, 'Odd on']],
  )
})

test('who must show a certificate still must; a path alone that asks for one is closed', () => {
  const asks =
    'SSLEngine on\nSSLCACertificateFile ca.pem\nSSLVerifyClient require\nProxyPass / http://10.0.0.9/'
  assert.deepEqual(host(asks, '*:443').listeners.get('https')?.clientCertificates, {
    ca: 'ca.pem',
    require: true,
  })
  const within =
    'SSLEngine on\n<Location /a>\nSSLVerifyClient require\n</Location>\nProxyPass / http://10.0.0.9/'
  for (const { policies } of host(within, '*:443').routes) assert.deepEqual(policies.deny, closed)
  const revoked = host(`SSLCARevocationFile crl.pem\n${asks}`, '*:443')
  assert.deepEqual(revoked.routes[0]?.policies.deny, closed)
})

test('what an earlier ProxyPass takes is not asked for any more', () => {
  const { routes, leftOut } = passed('ProxyPass /api http://10.0.0.1/\nProxyPass /api/v1 http://10.0.0.2/')
  assert.deepEqual(routes.map(({ path }) => path).sort(), ['/', '/api'])
  assert.equal(leftOut[0]?.line, 4)
})

/** Fault: a folder of an alias was opened that Apache had never served, and one that it served was closed. */
test('an alias counts where nothing is passed on, or where that is said', () => {
  const alias =
    'Alias /static /srv/static\n<Location /server-status>\nSetHandler server-status\nRequire local\n</Location>'
  const filesOf = (rules: string) =>
    passed(rules).routes.flatMap(({ path, files, policies }) => (files ? [[path, files, policies.deny]] : []))
  assert.deepEqual(filesOf(alias), [])
  assert.deepEqual(filesOf(`ProxyPass /static !\n${alias}`), [['/static', '/srv/static', undefined]])
  assert.deepEqual(filesOf(`ProxyPass /static/public !\n${alias}`), [
    ['/static/public', '/srv/static/public', undefined],
  ])
})
