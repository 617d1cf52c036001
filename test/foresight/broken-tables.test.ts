import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { parse } from 'yaml'
import { type JsonSchema, toJsonSchema } from '../../proxy/config/json-schema.ts'
import { loadConfig } from '../../proxy/config/load.ts'
import type { ConfigProblem, LoadedConfig } from '../../proxy/config/loaded.ts'
import { formatProblem } from '../../proxy/config/problem.ts'
import { BuildError } from '../../proxy/gatehouse.ts'
import { openTraceLog } from '../../proxy/observability/tracing/trace-log.ts'
import { buildOffline } from '../../proxy/rehearsal/offline.ts'
import { incomingOf } from '../../proxy/rehearsal/sample-request.ts'
import { rehearse } from '../../proxy/request/rehearsal.ts'
import { createRandom, type Random } from '../fuzz/random.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { freeNames, layFiles, wholeEnvironment, wholeTables } from './whole-tables.ts'

/**
 * The promise: a table with a mistake in it is refused with the line of the mistake, or is truly a table. Lines of a good
 * one are spoilt in the ways in which people spoil them; what is then accepted is built, as it would be to be served.
 */

/** One way in which a line is spoilt. `where`: how far from it, in lines, the mistake may be told. */
interface Spoiler {
  readonly name: string
  spoil(line: string, random: Random): string | undefined
  readonly where: 'the line' | 'the line or the next' | 'anywhere'
}

const key = /^(\s*(?:- )?)([A-Za-z-]+):/
const value = /^(\s*(?:- )?(?:[A-Za-z-]+: )?)(\S.*)$/
const spoilers: readonly Spoiler[] = [
  {
    name: 'a letter of a key is wrong',
    where: 'the line',
    spoil(line, random) {
      const found = key.exec(line)
      if (found?.[2] === undefined || freeNames.has(found[2])) return undefined
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

const folder = await tempFolder({ after })
await layFiles(folder)
const file = join(folder, 'routes.yaml')

describe('tables with a mistake in them', () => {
  test('the tables that are spoilt are good, and hold every key of the schema', async () => {
    const keys = new Set<string>()
    for (const text of wholeTables) {
      assert.deepEqual((await problemsWith(file, text)).map(formatProblem), [])
      for (const key of keysIn(parse(text), toJsonSchema())) keys.add(key)
    }
    const missed = [...keysOf(toJsonSchema())].filter((key) => !keys.has(key))
    assert.deepEqual(missed, [], `add these keys to whole-tables.ts: ${missed.join(', ')}`)
  })

  test('each is refused with the right line, or can be served', async () => {
    const random = createRandom(20_261_125)
    const outcomes = { refused: 0, valid: 0 }
    const wrong: string[] = []
    for (const { lines, at, spoilt, spoiler } of eachMistake(random)) {
      const text = `${[...lines.slice(0, at), spoilt, ...lines.slice(at + 1)].join('\n')}\n`
      const told = `${spoiler.name}, line ${at + 1}: ${JSON.stringify(spoilt)}`
      const problems = await problemsWith(file, text)
      if (problems.length === 0) {
        outcomes.valid++
        continue
      }
      outcomes.refused++
      const reach = spoiler.where === 'the line' ? [at + 1] : [at + 1, at + 2]
      const isThere = problems.some(({ line }) => reach.includes(line))
      const isPlaced = problems.every(
        ({ line, message }) => line >= 1 && line <= lines.length + 2 && message !== '',
      )
      if (!isPlaced || (spoiler.where !== 'anywhere' && !isThere))
        wrong.push(`${told}\n    ${problems.map(formatProblem).join('\n    ')}`)
    }
    assert.deepEqual(wrong, [], wrong.join('\n'))
    assert.ok(outcomes.refused + outcomes.valid > 1_000 && outcomes.valid > 100, JSON.stringify(outcomes))
  })
})

interface Mistake {
  /** Of the good table. */
  readonly lines: readonly string[]
  /** Index of the line that is spoilt, and what stands there then. */
  readonly at: number
  readonly spoilt: string
  readonly spoiler: Spoiler
}

/** Every line in some of the ways in which it can be spoilt: a thousand mistakes and more. */
function* eachMistake(random: Random): Generator<Mistake> {
  for (const table of wholeTables) {
    const lines = table.trimEnd().split('\n')
    for (const [at, line] of lines.entries()) {
      for (const spoiler of spoilers) {
        if (!random.percent(60)) continue
        const spoilt = spoiler.spoil(line, random)
        if (spoilt !== undefined && spoilt !== line) yield { lines, at, spoilt, spoiler }
      }
    }
  }
}

/** What refuses a table, or nothing: then it was built, and requests were walked through it. */
async function problemsWith(file: string, text: string): Promise<readonly ConfigProblem[]> {
  const loaded = await loadConfig({ file, text, env: wholeEnvironment })
  if (!loaded.ok) {
    assert.ok(loaded.problems.length > 0)
    return loaded.problems
  }
  try {
    await serveOffline(loaded.config)
    return []
  } catch (error) {
    if (error instanceof BuildError) return error.problems
    throw new Error(`it was accepted, and cannot be served:\n${text}`, { cause: error })
  }
}

async function serveOffline(config: LoadedConfig): Promise<void> {
  const before = { ...process.env }
  Object.assign(process.env, wholeEnvironment)
  try {
    await openTraceLog(config, wholeEnvironment, 'test')?.close()
    const gatehouse = buildOffline(config, () => {})
    for (const listener of Object.keys(config.listeners)) {
      const asked = { method: 'GET', from: '127.0.0.1', headers: [], http2: false, upgrade: false, listener }
      for (const url of ['http://shop.example/api', 'http://any.example/desk/ann'])
        await rehearse(incomingOf({ ...asked, url }, config), gatehouse.state)
    }
    await gatehouse.close()
  } finally {
    process.env = before
  }
}

/** Every key that a table may hold, such as `upstreams.<name>.health.path`. */
function* keysOf(schema: JsonSchema, path = ''): Generator<string> {
  for (const { properties, named, items, at } of formsOf(schema, path)) {
    for (const [key, below] of Object.entries(properties)) {
      yield `${at}.${key}`
      yield* keysOf(below, `${at}.${key}`)
    }
    if (named !== undefined) yield* keysOf(named, `${at}.<name>`)
    if (items !== undefined) yield* keysOf(items, `${at}[]`)
  }
}

/** Those of them that a value holds. */
function* keysIn(value: unknown, schema: JsonSchema, path = ''): Generator<string> {
  for (const { properties, named, items, at } of formsOf(schema, path)) {
    if (Array.isArray(value)) {
      if (items !== undefined) for (const item of value) yield* keysIn(item, items, `${at}[]`)
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        const below = Object.hasOwn(properties, key) ? properties[key] : undefined
        if (below !== undefined) yield `${at}.${key}`
        if (below !== undefined) yield* keysIn(inner, below, `${at}.${key}`)
        else if (named !== undefined) yield* keysIn(inner, named, `${at}.<name>`)
      }
    }
  }
}

interface Form {
  readonly properties: Readonly<Record<string, JsonSchema>>
  /** Of a block whose keys are names. */
  readonly named: JsonSchema | undefined
  readonly items: JsonSchema | undefined
  /** Path of its keys. Those of policies are the same wherever they stand. */
  readonly at: string
}

/** The forms that a value may have. */
function formsOf(schema: JsonSchema, at: string): Form[] {
  const { $ref, anyOf, allOf, properties, additionalProperties: named, items } = schema as Partial<SchemaNode>
  if ($ref !== undefined) return formsOf((toJsonSchema() as SchemaNode).definitions.policies, 'policies')
  const form = {
    properties: properties ?? {},
    named: typeof named === 'object' ? named : undefined,
    items,
    at,
  }
  return [form, ...[anyOf ?? [], allOf ?? []].flat().flatMap((each) => formsOf(each, at))]
}

type SchemaNode = JsonSchema & {
  $ref: string
  anyOf: JsonSchema[]
  allOf: JsonSchema[]
  properties: Record<string, JsonSchema>
  additionalProperties: JsonSchema | boolean
  items: JsonSchema
  definitions: { policies: JsonSchema }
}
