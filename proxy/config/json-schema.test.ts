// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of routes.yaml are the matter
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { loadExtensions } from './extensions.ts'
import { type JsonSchema, printJsonSchema, toJsonSchema } from './json-schema.ts'
import { policySchemas } from './policy-schemas.ts'

const root = toJsonSchema()

function at(schema: JsonSchema, ...path: string[]): JsonSchema {
  return path.reduce((inner, key) => {
    assert.ok(inner[key], `${path.join('.')}: no ${key} in ${Object.keys(inner)}`)
    return inner[key] as JsonSchema
  }, schema)
}

test('the file in the repository is the one that the code makes', () => {
  assert.equal(readFileSync(new URL('./routes.schema.json', import.meta.url), 'utf8'), printJsonSchema())
})

test('every key is explained', () => {
  const silent: string[] = []
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, value] of Object.entries(node)) {
      if (key === 'properties')
        for (const [name, inner] of Object.entries(value as Record<string, JsonSchema>))
          if (inner.description === undefined && inner.allOf === undefined) silent.push(`${path}.${name}`)
      visit(value, key === 'properties' ? path : `${path}.${key}`)
    }
  }
  visit(root, '')
  assert.deepEqual(silent, [])
})

test('policies are typed by name, and false switches each of them off', () => {
  const policies = at(root, 'definitions', 'policies')
  const names = Object.keys(at(policies, 'properties'))
  assert.deepEqual(names, Object.keys(policySchemas))
  for (const name of names) {
    const forms = at(policies, 'properties', name).anyOf as JsonSchema[]
    assert.ok(
      forms.some((form) => form.const === false || [form.type].flat().includes('boolean')),
      name,
    )
  }
  const route = at(root, 'properties', 'routes', 'items', 'properties', 'policies')
  assert.deepEqual(route.allOf, [{ $ref: '#/definitions/policies' }])
})

test('a default is hover text, and a placeholder may stand for any scalar', () => {
  const listener = at(root, 'properties', 'listeners', 'additionalProperties', 'properties')
  assert.equal(
    listener.address?.['description' as never],
    'Address to bind; `::` is every address, IPv4 and IPv6. Default: `::`.',
  )
  const { type, pattern } = at(listener, 'port') as { type: string[]; pattern: string }
  assert.deepEqual(type, ['integer', 'string'])
  assert.match('${PORT:-8443}', new RegExp(pattern, 'u'))
  assert.doesNotMatch('8443', new RegExp(pattern, 'u'))
})

test('every pattern is one that editors can read', () => {
  const patterns = [...JSON.stringify(root).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map((found) =>
    JSON.parse(found[1] ?? ''),
  )
  assert.ok(patterns.length > 20)
  for (const pattern of patterns) new RegExp(pattern, 'u')
})

test('extensions are typed by their own schema, and other names are refused', async (t) => {
  const folder = await tempFolder(t)
  const zod = JSON.stringify(import.meta.resolve('zod'))
  writeFileSync(
    `${folder}/team.ts`,
    `import { z } from ${zod}
export default { kind: 'policy', options: z.strictObject({ size: z.int().describe('How many.') }), create: () => ({}) }`,
  )
  writeFileSync(`${folder}/mw.ts`, `export default { kind: 'middleware', create: () => () => {} }`)
  const extensions = await loadExtensions({ team: 'team.ts', mw: 'mw.ts', gone: 'gone.ts' }, folder)
  const policies = at(toJsonSchema(extensions), 'definitions', 'policies')
  assert.equal(policies.additionalProperties, false)
  const properties = at(policies, 'properties')
  assert.deepEqual(Object.keys(properties).slice(-2), ['team', 'gone'])
  const [form] = at(properties, 'team').anyOf as [JsonSchema]
  assert.equal(at(form, 'properties', 'size').description, 'How many.')
  assert.ok(at(form, 'properties', 'mode'))
})
