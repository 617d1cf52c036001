// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of routes.yaml are the matter
import assert from 'node:assert/strict'
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { type LoadResult, loadConfig } from './load.ts'
import type { LoadedConfig } from './loaded.ts'
import { formatProblem } from './problem.ts'

const good = `# yaml-language-server: $schema=./routes.schema.json
listeners:
  http: { port: "\${HTTP_PORT:-8080}", redirect: https }
  https: { port: 8443 }
upstreams:
  api: { targets: ["http://127.0.0.1:3000"], connectTimeout: 2s }
  desk: { leased: true, keyed: true }
extensions:
  team: team.js
defaults:
  policies:
    compress: true
    maxBody: 10MB
    allow: &office [10.0.0.0/8]
routes:
  - name: api
    match: { host: "api.\${DOMAIN:-localhost}", path: /v1 }
    policies:
      maxBody: false
      allow: { networks: [127.0.0.1], mode: observe }
      team: { mode: observe }
    to: api
  - name: desk
    match: { path: "/desk/:key" }
    policies:
      deny: *office
      jwt: { key: env:KEY, require: { desk: ":key" } }
    to: desk/:key
`

async function load(t: TestContext, text: string, env: Record<string, string> = {}): Promise<LoadResult> {
  const folder = await tempFolder(t)
  writeFileSync(`${folder}/team.js`, `export default { kind: 'policy', create: () => ({}) }`)
  return loadConfig({ file: `${folder}/routes.yaml`, text, env: { KEY: 'k', ...env } })
}

async function loadGood(
  t: TestContext,
  text = good,
  env: Record<string, string> = {},
): Promise<LoadedConfig> {
  const result = await load(t, text, env)
  assert.ok(result.ok, result.ok ? '' : result.problems.map(formatProblem).join('\n'))
  return result.config
}

test('defaults are filled in, units read, and a route knows its line', async (t) => {
  const config = await loadGood(t)
  assert.equal(config.listeners.http?.port, 8080)
  assert.equal(config.listeners.http?.tls, false)
  assert.equal(config.listeners.https?.tls, true)
  assert.equal(config.upstreams.api?.connectTimeout, 2000)
  assert.equal(config.admin.port, 9901)
  assert.equal(config.sha256.length, 64)
  const [api, desk] = config.routes
  assert.deepEqual([api?.line, desk?.line], [16, 23])
  assert.deepEqual(api?.match, { host: ['api.localhost'], path: ['/v1'], exact: false })
  assert.deepEqual(api?.listeners, ['https'])
  assert.equal(api?.timeouts.response, 60_000)
})

test("a route's own policy replaces the default, and false switches it off", async (t) => {
  const [api, desk] = (await loadGood(t)).routes
  assert.deepEqual(api?.policies.allow, { networks: ['127.0.0.1'], mode: 'observe' })
  assert.equal(api?.policies.maxBody, undefined)
  assert.deepEqual(api?.policies.compress?.codings, ['zstd', 'br', 'gzip'])
  assert.deepEqual(api?.policies.extensions, [{ name: 'team', options: { mode: 'observe' } }])
  assert.equal(desk?.policies.maxBody?.size, 10 * 1024 ** 2)
  assert.deepEqual(desk?.policies.deny, { networks: ['10.0.0.0/8'], mode: 'enforce' })
  assert.deepEqual(desk?.policies.extensions, [])
})

test('nothing of a loaded configuration can be changed', async (t) => {
  const config = await loadGood(t)
  const seen = new Set<unknown>()
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || value instanceof Map || seen.has(value)) return
    seen.add(value)
    assert.ok(Object.isFrozen(value), path)
    for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`)
  }
  visit(config, 'config')
  assert.ok(seen.size > 40)
})

test('a value of the environment is a value, and never structure', async (t) => {
  const config = await loadGood(t, good.replace('api.${DOMAIN:-localhost}', '${HOST}'), { HOST: 'a.example' })
  assert.deepEqual(config.routes[0]?.match.host, ['a.example'])
  const evil = 'x, path: / }\n    to: desk # '
  const result = await load(t, good.replace('api.${DOMAIN:-localhost}', '${HOST}'), { HOST: evil })
  assert.ok(!result.ok)
  assert.deepEqual(
    result.problems.map(({ path, line }) => [path, line]),
    [['routes[0].match.host', 17]],
  )
})

test('a billion laughs are stopped at the first thousand', async (t) => {
  const levels = Array.from({ length: 12 }, (_, i) => `x${i}: &a${i} [${`*a${i - 1}, `.repeat(10)}]`)
  const bomb = `x: &a-1 [lol]\n${levels.join('\n')}\n`
  const started = performance.now()
  const result = await load(t, bomb)
  assert.ok(!result.ok)
  assert.match(result.problems.map(formatProblem).join('\n'), /repeats too much through aliases/)
  assert.ok(performance.now() - started < 15_000)
})

for (const [sentence, make, message] of [
  [
    'a file that is not there',
    () => {},
    'is not there; go to the folder of routes.yaml, or name another with --file',
  ],
  ['a folder', (file) => mkdirSync(file), 'is a folder'],
  ['a file that is no UTF-8', (file) => writeFileSync(file, Buffer.from([0x61, 0xff])), 'is not UTF-8 text'],
] as [string, (file: string) => void, string][]) {
  test(`${sentence} is one problem at its first line`, async (t) => {
    const file = `${await tempFolder(t)}/routes.yaml`
    make(file)
    const result = await loadConfig({ file })
    assert.ok(!result.ok)
    assert.deepEqual(result.problems.map(formatProblem), [`${file}:1:1 ${message}`])
  })
}

test('what the first start would make says so where it is not there', async (t) => {
  const text = `listeners: { https: { port: 0 } }
upstreams: { shop: { targets: ["http://127.0.0.1:1"], sticky: { key: certs/sticky.key } } }
routes:
  - { name: closed, policies: { basicAuth: { users: certs/users } }, to: shop }
  - { name: api, match: { path: /api }, policies: { jwt: { key: certs/api.key } }, to: shop }
  - { name: signed, match: { path: /signed }, policies: { jwt: { key: certs/public.pem } }, to: shop }
`
  const mendsOf = async (name: string): Promise<(string | undefined)[]> => {
    const result = await loadConfig({ file: `${await tempFolder(t)}/${name}`, text })
    return result.ok ? [] : result.problems.map(({ mend }) => mend)
  }
  const [user, place] = [
    'gatehouse hash NAME --file FILE makes one',
    'paths start at the folder of this file',
  ]
  const start = 'the first start makes it'
  assert.deepEqual(await mendsOf('routes.yaml'), [start, `${start}, and ${user}`, start, place])
  assert.deepEqual(await mendsOf('new.yaml'), [place, user, place, place])
})

test('a text that is too short is told how long it has to be', async (t) => {
  const example = fileURLToPath(new URL('../../docs/examples/key-of-the-house.ts', import.meta.url))
  const text = `listeners: { https: { port: 0 } }
extensions: { houseKey: ${example} }
routes: [{ name: r, policies: { houseKey: { key: abc } }, files: . }]
`
  const result = await loadConfig({ file: `${await tempFolder(t)}/routes.yaml`, text })
  assert.ok(!result.ok)
  assert.match(
    result.problems.map(formatProblem).join(),
    /houseKey\.key: "abc" is too short; the least are 16 characters$/,
  )
})

test('an extension that fails is broken, and the file is still good', async (t) => {
  const folder = await tempFolder(t)
  const sources = {
    throws: `throw new Error('no database\\nat line 3')`,
    shape: `export default function () {}`,
    syntax: `export default {`,
  }
  for (const [name, source] of Object.entries(sources)) writeFileSync(`${folder}/${name}.js`, source)
  const uses = [...Object.keys(sources), 'absent']
  const text = `listeners: { https: { port: 0 } }
extensions: { ${uses.map((name) => `${name}: ${name}.js`).join(', ')} }
routes: [{ name: r, policies: { ${uses.map((name) => `${name}: { x: 1 }`).join(', ')} }, files: . }]
`
  const result = await loadConfig({ file: `${folder}/routes.yaml`, text })
  assert.ok(result.ok)
  const broken = uses.map((name) => {
    const extension = result.config.loadedExtensions.get(name)
    return extension && 'broken' in extension ? extension.broken : undefined
  })
  assert.deepEqual(broken, [
    'no database',
    'its default export is neither definePolicy({ … }) nor defineMiddleware({ … })',
    'Unexpected end of input',
    'the file is not there',
  ])
  assert.deepEqual(
    result.warnings.map(({ path, severity }) => `${severity} ${path}`),
    uses.map((name) => `warning extensions.${name}`),
  )
})

test('an extension that changed is read again, one that did not is not', async (t) => {
  const folder = await tempFolder(t)
  const file = `${folder}/routes.yaml`
  const text = `listeners: { https: { port: 0 } }
extensions: { e: e.js }
routes: [{ name: r, policies: { e: true }, files: . }]
`
  const made = async () => {
    const result = await loadConfig({ file, text })
    const extension = result.ok ? result.config.loadedExtensions.get('e') : undefined
    assert.ok(extension && 'create' in extension)
    return extension.create({})
  }
  const write = (word: string, at: number) => {
    const source = `let n = 0\nexport default { kind: 'policy', create: () => '${word}' + ++n }`
    writeFileSync(`${folder}/e.js`, source)
    utimesSync(`${folder}/e.js`, at, at)
  }
  write('first', 1000)
  assert.equal(await made(), 'first1')
  assert.equal(await made(), 'first2')
  write('other', 2000)
  assert.equal(await made(), 'other1')
})

test('whatever the bytes, the loader answers, and every problem lies inside the file', async (t) => {
  const folder = await tempFolder(t)
  writeFileSync(`${folder}/team.js`, `export default { kind: 'policy', create: () => ({}) }`)
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ': ',
      '\n',
      '\n  - ',
      '&a',
      '*a',
      '!!set',
      '"',
      "'",
      '<<: ',
      '? ',
      '|',
      '#',
    ),
    fc.constantFrom(
      '${X}',
      '${SECRET}',
      '${',
      '$${',
      'null',
      '~',
      '0x1f',
      '.inf',
      '-1',
      '9e99',
      '__proto__',
      '%YAML 1.1\n---\n',
    ),
    fc.constantFrom(
      '\r\n',
      '\r',
      '\u2028',
      '\ufeff',
      '\t',
      '---\n',
      '...\n',
      '"${SECRET}"',
      'constructor: 1\n',
    ),
  )
  const mutated = fc
    .array(fc.tuple(fc.nat(good.length), fc.nat(40), piece), { minLength: 1, maxLength: 4 })
    .map((edits) =>
      edits.reduce((text, [at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut), good),
    )
  const arbitrary = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''))
  const swapped = fc.tuple(fc.nat(good.split('\n').length), fc.nat(good.split('\n').length)).map(([a, b]) =>
    good
      .split('\n')
      .toSpliced(a, 1)
      .toSpliced(b, 0, good.split('\n')[a] ?? '')
      .join('\n'),
  )
  const env = { SECRET: 'correct-horse-battery', KEY: 'k' }
  await fc.assert(
    fc.asyncProperty(fc.oneof({ arbitrary: mutated, weight: 4 }, arbitrary, swapped), async (text) => {
      const result = await loadConfig({ file: `${folder}/routes.yaml`, text, env })
      const problems = result.ok ? result.warnings : result.problems
      if (!result.ok) assert.ok(problems.length > 0, 'what is refused has a reason')
      const lines = text.replace(/^\ufeff/, '').split('\n')
      for (const { line, column, message, mend, path } of problems) {
        assert.ok(line >= 1 && line <= lines.length, `line ${line} of ${lines.length}`)
        assert.ok(column >= 1 && column <= (lines[line - 1] ?? '').length + 1, `column ${line}:${column}`)
        assert.ok(message.length > 0 && !/undefined|\[object|Invalid input/.test(message), message)
        assert.ok(!`${path}${message}${mend}`.includes(env.SECRET), message)
      }
    }),
    { numRuns: 400 },
  )
})

test('an address in `to` is an upstream of one target, named as it is written', async (t) => {
  const result = await load(
    t,
    'listeners: { http: { port: 0 } }\nroutes:\n  - { name: a, to: "http://127.0.0.1:3000" }\n',
  )
  assert.ok(result.ok)
  assert.deepEqual(result.config.upstreams['http://127.0.0.1:3000']?.targets, ['http://127.0.0.1:3000'])
  assert.deepEqual(result.warnings, [])
})
