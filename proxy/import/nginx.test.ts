// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of nginx are the matter
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { importNginx } from './nginx.ts'
import { parseNginx } from './nginx-syntax.ts'

test('the grammar: quotes, comments, variables, blocks', () => {
  const [directive] = parseNginx('a "b c" \'d\' ${x}y; # no\n')
  assert.deepEqual(directive, { name: 'a', args: ['b c', 'd', '${x}y'], line: 1 })
  assert.deepEqual(parseNginx('a {\n b;\n}')[0]?.block, [{ name: 'b', args: [], line: 2 }])
})

for (const [text, said] of [
  ['a {', /line 1: this block is not closed/],
  ['\na', /line 2: this directive has no ;/],
  ['}', /line 1: nothing is open here/],
  ['{ }', /line 1: "\{" after nothing/],
  ['events {}', /there is no server block in it/],
] as const)
  test(`${JSON.stringify(text)} is told with its line`, () => assert.throws(() => importNginx(text), said))

test('nothing makes the reader hang or break otherwise than by a sentence', () => {
  const word = fc.constantFrom(
    'server',
    '{',
    '}',
    ';',
    'location',
    '/',
    '~',
    '"',
    "'",
    'return',
    '301',
    'https://$host$request_uri',
    'listen',
    '80',
    '\n',
    '#',
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 40 }), (words) => {
      try {
        importNginx(words.join(' '))
      } catch (error) {
        assert.match((error as Error).message, /^(line \d+: |there is no server block)/)
      }
    }),
    { numRuns: 500 },
  )
})

test('what has no counterpart is left out by its line, and a redirect of all is one of the listener', () => {
  const imported =
    importNginx(`server { listen 80; server_name a.test; return 301 https://$host$request_uri; }
server {
  listen 443 ssl http2;
  server_name a.test ~^b;
  ssl_certificate a.pem; ssl_certificate_key a.key;
  location ~ \\.php$ { fastcgi_pass unix:/run/php.sock; }
  location / { proxy_pass http://127.0.0.1:3000; sub_filter a b; }
  location ~* \\.(css|js)$ { expires 1y; }
}`)
  assert.equal(imported.listeners.get('http')?.redirect, 'https')
  assert.deepEqual(imported.certificates, [{ cert: 'a.pem', key: 'a.key' }])
  assert.deepEqual(
    imported.leftOut.map(({ line, text }) => [line, text]),
    [
      [2, 'server ~^b'],
      [6, 'location ~ \\.php$'],
      [7, 'sub_filter a b'],
    ],
  )
  assert.deepEqual(imported.routes[0]?.policies.cache, {
    rules: [{ extensions: ['css', 'js'], maxAge: '365d' }],
  })
})

const rulesOf = (text: string) => importNginx(text).routes.map(({ path, policies }) => [path, policies])

/** Fault: a site of this machine alone was served to everybody, and one of a socket on port 80. */
test('a listener stays on its address, and a socket is none', () => {
  const imported = importNginx(`
server { listen 127.0.0.1:8080; listen [::1]:8080; listen 10.0.0.5; listen *:81; server_name a.test; location / { proxy_pass http://10.0.0.9; } }
server { listen unix:/run/b.sock; server_name b.test; location / { proxy_pass http://10.0.0.9; } }`)
  assert.deepEqual(
    Array.from(imported.listeners.values(), ({ port, address }) => [port, address]),
    [
      [8080, '127.0.0.1'],
      [8080, '::1'],
      [80, '10.0.0.5'],
      [81, undefined],
    ],
  )
  assert.deepEqual(
    imported.routes.map(({ hosts }) => hosts),
    [['a.test']],
  )
  assert.deepEqual(
    imported.leftOut.map(({ text }) => text),
    ['listen unix:/run/b.sock'],
  )
})

/** Fault: `proxy_pass https://pool` led there in the clear, `down` was asked, and `ip_hash` was no word of ours. */
test('a pool is reached as it was, by the targets that were asked', () => {
  const { upstreams, routes } = importNginx(`
upstream pool { ip_hash; server 10.0.0.1:8443 weight=3; server 10.0.0.2:8443; server 10.0.0.3 down; server 10.0.0.4 backup; }
server { server_name a.test; location / { proxy_pass https://pool; proxy_ssl_verify off; } }`)
  assert.deepEqual(upstreams.get(routes[0]?.to ?? ''), {
    targets: [{ url: 'https://10.0.0.1:8443', weight: 3 }, 'https://10.0.0.2:8443'],
    balance: 'client',
    tls: { insecureSkipVerify: true },
  })
})

test('nginx -T is read with what its includes name, and lines are those of its text', () => {
  const dump = `# configuration file /etc/nginx/nginx.conf:
http {
  include /etc/nginx/conf.d/*.conf;
  include sites/*;
}
# configuration file /etc/nginx/sites/a:
server {
  server_name a.test;
  location / {
    include snippets/office.conf;
    proxy_pass http://10.0.0.9;
    odd on;
  }
}
# configuration file /etc/nginx/snippets/office.conf:
allow 10.0.0.0/8;
deny all;
`
  const { routes, leftOut } = importNginx(dump)
  assert.deepEqual(routes[0]?.policies.deny, ['0.0.0.0/0', '::/0'], 'what is not known may guard')
  assert.deepEqual(
    leftOut.map(({ line, text }) => [line, text]),
    [[12, 'odd on']],
  )
  const known = importNginx(dump.replace('odd on;', ''))
  assert.deepEqual(known.routes[0]?.policies, { allow: ['10.0.0.0/8'], maxBody: '1MB' })
})

/** Fault: a limit of all requests together became one for each client. */
test('a limit counts by what it counted, and tells that its window is another', () => {
  const limit = (key: string, rate = '10r/s') =>
    importNginx(
      `limit_req_zone ${key} zone=z:1m rate=${rate}; server { server_name a.test; location / { limit_req zone=z burst=5; proxy_pass http://10.0.0.9; } }`,
    )
  for (const [key, by] of [
    ['$binary_remote_addr', undefined],
    ['$server_name', 'route'],
    ['$http_x_api_key', 'header:x-api-key'],
  ] as const) {
    const { routes, leftOut } = limit(key)
    assert.deepEqual(routes[0]?.policies.rateLimit, { limit: 605, per: '1m', ...(by && { by }) })
    assert.match(leftOut[0]?.why ?? '', /605 in any minute/)
  }
  assert.match(limit('$limit_key').leftOut[0]?.why ?? '', /each client is counted by its address/)
})

test('who must show a certificate still must, and by no other authority', () => {
  const server = (name: string, ca: string) =>
    `server { listen 443 ssl; server_name ${name}; ssl_verify_client on; ${ca} location / { proxy_pass http://10.0.0.9; } }`
  const both = importNginx(
    server('a.test', 'ssl_client_certificate a.pem;') + server('b.test', 'ssl_client_certificate b.pem;'),
  )
  assert.deepEqual(both.listeners.get('https')?.clientCertificates, { ca: 'a.pem', require: true })
  const closed = ['0.0.0.0/0', '::/0']
  assert.deepEqual(
    both.routes.map(({ policies }) => policies.deny),
    [undefined, closed],
  )
  assert.deepEqual(importNginx(server('a.test', '')).routes[0]?.policies.deny, closed)
  const crl = importNginx(server('a.test', 'ssl_client_certificate a.pem; ssl_crl c.pem;'))
  assert.deepEqual(crl.routes[0]?.policies.deny, closed)
})

test('a name that no server has is answered by the default alone', () => {
  const text = `
server { server_name a.test; location / { proxy_pass http://10.0.0.1; } }
server { server_name _; location / { proxy_pass http://10.0.0.2; } }`
  assert.deepEqual(
    importNginx(text).routes.map(({ hosts }) => hosts),
    [['a.test']],
  )
  assert.deepEqual(
    importNginx(text.replace('server_name _;', 'listen 80 default_server;')).routes.map(({ hosts }) => hosts),
    [['a.test'], []],
  )
})

test('what http says counts for its servers, and a preflight or a look for a file guards nobody', () => {
  const [[, policies] = []] = rulesOf(
    'http { allow 10.0.0.0/8; deny all; server { server_name a.test; location / { if ($request_method = OPTIONS) { return 204; } if (!-e $request_filename) { rewrite ^ /index.php last; } proxy_pass http://10.0.0.9; } } }',
  )
  assert.deepEqual(policies, { allow: ['10.0.0.0/8'], maxBody: '1MB' })
})

test('whatever is sent to TLS by the own name is a redirect of the listener', () => {
  for (const rule of [
    'return 301 https://$host$request_uri;',
    'return 301 https://a.test$request_uri;',
    'rewrite ^ https://$server_name$request_uri? permanent;',
    'rewrite ^(.*)$ https://$host$1 permanent;',
    'if ($scheme = http) { return 301 https://$host$request_uri; }',
  ])
    assert.equal(
      importNginx(`server { listen 80; server_name a.test; ${rule} }`).listeners.get('http')?.redirect,
      'https',
      rule,
    )
  const other = importNginx('server { listen 80; return 301 https://b.test$request_uri; }')
  assert.equal(other.listeners.get('http')?.redirect, undefined)
})

test('a rewrite that takes the prefix off does so here, and one that leads all elsewhere leaves nothing open', () => {
  const [, api] = importNginx(
    'server { server_name a.test; location / { proxy_pass http://10.0.0.9; } location /api/ { rewrite ^/api/(.*)$ /$1 break; proxy_pass http://10.0.0.9; } }',
  ).routes
  assert.equal(api?.prefix, 'strip')
  for (const rule of [
    'rewrite ^ /login last;',
    'if ($request_method = POST) { return 204; }',
    'if ($request_method !~ OPTIONS) { return 204; }',
  ]) {
    const [[, policies] = []] = rulesOf(
      `server { server_name a.test; location / { ${rule} proxy_pass http://10.0.0.9; } }`,
    )
    assert.deepEqual((policies as { deny?: unknown }).deny, ['0.0.0.0/0', '::/0'], rule)
  }
})
