import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createRandom, type Random } from '../../test/fuzz/random.ts'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { loadConfig } from '../config/load.ts'
import type { ConfigProblem } from '../config/loaded.ts'
import { formatProblem } from '../config/problem.ts'
import { BuildError } from '../gatehouse.ts'
import { buildOffline } from './offline.ts'

/**
 * The promise: a table with a mistake in it is refused with the line of the mistake, or is truly a table. Lines of a good
 * one are spoilt in the ways in which people spoil them; what is then accepted is built, as it would be to be served.
 */

const good = `listeners:
  http:
    port: 8080
    redirect: https
  https:
    port: 8443
  lan:
    port: 8000
    address: 127.0.0.1
trustedProxies:
  - 10.0.0.0/8
upstreams:
  shop:
    targets:
      - http://127.0.0.1:3000
      - http://127.0.0.1:3001
    health: /health
    balance: leastConnections
    connectTimeout: 2s
  desk:
    leased: true
    keyed: true
limits:
  headerSize: 32KB
  headerCount: 100
  keepAlive: 65s
accessLog:
  file: data/logs/access.log
  format: json
routes:
  - name: shop
    match:
      host: shop.example
      path:
        - /api
        - /cart
      methods:
        - GET
        - POST
    listeners:
      - https
      - lan
    policies:
      allow:
        - 192.168.1.0/24
        - 127.0.0.1
      rateLimit:
        limit: 100
        per: 1m
      cors:
        origins:
          - https://app.example
      maxBody: 10MB
    to: shop
    timeouts:
      response: 90s
      idle: 1h
    minUploadRate: 500B
  - name: desk
    match:
      path: /desk/:key
    policies:
      jwt:
        key: env:DESK_KEY
        require:
          desk: ":key"
      basicAuth:
        users: users
    to: desk/:key
    forward:
      prefix: strip
  - name: pages
    files: pages
  - name: old
    match:
      path: /old
      exact: true
    redirect:
      location: /new{path}
      status: 301
`

/** One way in which a line is spoilt. `where`: how far from it, in lines, the mistake may be told. */
interface Spoiler {
  readonly name: string
  spoil(line: string, random: Random): string | undefined
  readonly where: 'the line' | 'the line or the next' | 'anywhere'
}

const key = /^(\s*(?:- )?)([A-Za-z]+):/
const value = /^(\s*(?:- )?(?:[A-Za-z]+: )?)(\S.*)$/
/** Names that the file itself makes up: another one may be as good, and what mentions it is then wrong elsewhere. */
const free = new Set(['http', 'https', 'lan', 'shop', 'desk'])

const spoilers: readonly Spoiler[] = [
  {
    name: 'a letter of a key is wrong',
    where: 'the line',
    spoil(line, random) {
      const found = key.exec(line)
      if (found?.[2] === undefined || free.has(found[2])) return undefined
      const at = random.below(found[2].length)
      const other = `${found[2].slice(0, at)}${random.pick(['x', 'qq', '_'])}${found[2].slice(at + 1)}`
      return line.replace(key, `$1${other}:`)
    },
  },
  {
    name: 'a value is of another kind',
    where: 'the line',
    spoil(line, random) {
      const found = value.exec(line)
      if (found?.[2] === undefined || /:$/.test(found[2])) return undefined
      const others = [
        '-1',
        '1.5',
        '99999999999',
        '""',
        'null',
        '[]',
        '{ x: 1 }',
        '[[1]]',
        'true',
        'no such thing',
        '"\\u0000"',
        '10.0.0/8',
        '/a/*',
        '1 week',
        'https://',
        '../..',
        '&a b',
      ]
      return `${found[1]}${random.pick(others)}`
    },
  },
  {
    name: 'a line is there twice',
    where: 'the line or the next',
    spoil: (line) => (key.test(line) && !/^\s*- /.test(line) ? `${line}\n${line}` : undefined),
  },
  {
    name: 'it is no YAML',
    where: 'the line or the next',
    spoil: (line, random) =>
      random.pick([
        `${line} ]`,
        `${line} "`,
        `\t${line}`,
        `${line}: :`,
        line.replace(/:/, ': {'),
        `${line} @`,
        `%${line}`,
      ]),
  },
  {
    name: 'it stands in another depth',
    where: 'anywhere',
    spoil: (line, random) => random.pick([` ${line}`, line.replace(/^ {2}/, ''), `    ${line}`]),
  },
  { name: 'it is gone', where: 'anywhere', spoil: () => '# gone' },
  {
    name: 'it is cut',
    where: 'anywhere',
    spoil: (line, random) => line.slice(0, 1 + random.below(line.length)),
  },
]

test('of a thousand spoilt tables each is refused with the right line, or can be served', async (t) => {
  const folder = await tempFolder(t)
  await writeFile(join(folder, 'users'), 'ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n')
  await mkdir(join(folder, 'pages'))
  const file = join(folder, 'routes.yaml')
  const env = { DESK_KEY: 'a key of forty-two bytes for signing tokens.' }
  const isGood = await loadConfig({ file, text: good, env })
  assert.ok(isGood.ok, isGood.ok ? '' : isGood.problems.map(formatProblem).join('\n'))

  const random = createRandom(20_261_125)
  const lines = good.trimEnd().split('\n')
  const outcomes = { refused: 0, valid: 0 }
  const wrong: string[] = []
  for (let made = 0; made < 1_000; ) {
    const at = random.below(lines.length)
    const line = lines[at] as string
    const { name, spoil, where } = random.pick(spoilers)
    const spoilt = spoil(line, random)
    if (spoilt === undefined || spoilt === line) continue
    made++
    const text = `${[...lines.slice(0, at), spoilt, ...lines.slice(at + 1)].join('\n')}\n`
    const told = `${name}, line ${at + 1}: ${JSON.stringify(spoilt)}`
    const problems = await problemsWith(file, text, env)
    if (problems.length === 0) {
      outcomes.valid++
      continue
    }
    outcomes.refused++
    const reach = where === 'the line' ? [1] : [1, 2]
    const isThere = problems.some((problem) => reach.includes(problem.line - at))
    const isPlaced = problems.every(
      (problem) => problem.line >= 1 && problem.line <= lines.length + 2 && problem.message !== '',
    )
    if (!isPlaced || (where !== 'anywhere' && !isThere))
      wrong.push(`${told}\n    ${problems.map(formatProblem).join('\n    ')}`)
  }
  assert.deepEqual(wrong, [], wrong.join('\n'))
  assert.ok(outcomes.refused > 600 && outcomes.valid > 50, JSON.stringify(outcomes))
})

async function problemsWith(
  file: string,
  text: string,
  env: Record<string, string>,
): Promise<readonly ConfigProblem[]> {
  const loaded = await loadConfig({ file, text, env })
  if (!loaded.ok) {
    assert.ok(loaded.problems.length > 0)
    return loaded.problems
  }
  const before = { ...process.env }
  Object.assign(process.env, env)
  try {
    await buildOffline(loaded.config, () => {}).close()
    return []
  } catch (error) {
    if (error instanceof BuildError) return error.problems
    throw new Error(`it was accepted, and cannot be built:\n${text}`, { cause: error })
  } finally {
    process.env = before
  }
}
