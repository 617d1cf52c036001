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
