import { z } from 'zod'
import type { ReadExtension } from './extensions.ts'
import { type PolicyName, policySchemas } from './policy-schemas.ts'
import { policyBlock } from './route-schema.ts'
import { testFile } from './route-tests.ts'
import { schema } from './schema.ts'

export type JsonSchema = { [key: string]: unknown }

/**
 * routes.yaml as a JSON Schema (draft 7, which the YAML servers of editors read): what a key means and its default
 * as hover text, policies by name, and `${NAME}` in the place of any scalar.
 *
 * Given extensions, their policies are typed by their own schemas and other names are refused. Without them any
 * further name may be an extension.
 */
export function toJsonSchema(extensions?: ReadonlyMap<string, ReadExtension>): JsonSchema {
  const root = convert(schema)
  const policies = { type: 'object', description: policyBlock.description, ...describePolicies(extensions) }
  return { title: 'routes.yaml of Gatehouse', ...forEditors({ ...root, definitions: { policies } }) }
}

/** The file's text, ending with a newline. */
export function printJsonSchema(extensions?: ReadonlyMap<string, ReadExtension>): string {
  return `${JSON.stringify(toJsonSchema(extensions), null, 2)}\n`
}

/** That of routes.test.yaml. */
export function printTestSchema(): string {
  return `${JSON.stringify(toTestSchema(), null, 2)}\n`
}

export function toTestSchema(): JsonSchema {
  return { title: 'routes.test.yaml of Gatehouse', ...forEditors(convert(testFile)) }
}

function convert(type: z.ZodType): JsonSchema {
  return z.toJSONSchema(type, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema !== policyBlock) return
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key]
      // Beside a $ref, draft 7 reads nothing.
      jsonSchema.allOf = [{ $ref: '#/definitions/policies' }]
    },
  }) as JsonSchema
}

function describePolicies(extensions: ReadonlyMap<string, ReadExtension> | undefined): JsonSchema {
  const builtin = Object.entries(policySchemas).map(([name, type]) => [
    name,
    describePolicy(name as PolicyName, type),
  ])
  const own = [...(extensions ?? [])].flatMap(([name, read]) =>
    'kind' in read.extension && read.extension.kind === 'middleware' ? [] : [[name, describeExtension(read)]],
  )
  return {
    properties: Object.fromEntries([...builtin, ...own]),
    additionalProperties:
      extensions === undefined ? { description: 'A policy of your own, see `extensions`.' } : false,
  }
}

const off = { const: false, description: 'Switches off the default.' }

function describePolicy(name: PolicyName, type: z.ZodType): JsonSchema {
  const { $schema: _, description, anyOf, ...options } = convert(type)
  const forms = anyOf === undefined ? [options] : (anyOf as JsonSchema[])
  return { description: description ?? name, anyOf: [...forms, ...(isFalse(forms) ? [] : [off])] }
}

/** `maintenance: false` is a form of its own already. */
function isFalse(forms: readonly JsonSchema[]): boolean {
  return forms.some((form) => form.type === 'boolean')
}

function describeExtension({ extension, options }: ReadExtension): JsonSchema {
  const description = `The extension in ${extension.file}.`
  let form: JsonSchema = {}
  try {
    if (options !== undefined) form = convert(options as z.ZodType)
  } catch {
    // A schema of another make describes itself by its messages alone.
  }
  const { $schema: _, ...own } = form
  const mode = { enum: ['enforce', 'observe'], default: 'enforce' }
  if (own.type === 'object') own.properties = { ...(own.properties as JsonSchema), mode }
  return { description, anyOf: [own, { const: true }, off] }
}

const placeholder = '\\$\\{'

/** What is done to a scalar before it is checked, an editor has to allow; what it shows on hover is added. */
function forEditors(node: JsonSchema): JsonSchema {
  const { default: standard, ...next } = node
  for (const key of ['additionalProperties', 'items'] as const)
    if (typeof next[key] === 'object' && next[key] !== null) next[key] = forEditors(next[key] as JsonSchema)
  for (const key of ['anyOf', 'oneOf', 'allOf'] as const)
    if (Array.isArray(next[key])) next[key] = next[key].map((form: JsonSchema) => forEditors(form))
  for (const key of ['properties', 'definitions'] as const)
    if (next[key] !== undefined) next[key] = mapValues(next[key] as Record<string, JsonSchema>, forEditors)
  const open = withPlaceholder(next)
  if (!isTellable(standard)) return open
  const { description = '' } = open
  const told = /Default:/.test(String(description))
    ? description
    : `${description} Default: \`${tell(standard)}\`.`.trim()
  return { ...open, description: told, default: standard }
}

function isTellable(standard: unknown): boolean {
  if (typeof standard !== 'object') return standard !== undefined
  return Array.isArray(standard) && standard.length > 0
}

function tell(standard: unknown): string {
  return Array.isArray(standard) ? standard.join(', ') : String(standard)
}

function withPlaceholder(node: JsonSchema): JsonSchema {
  const { type, pattern, format: _, maximum, enum: values, ...rest } = node
  if (typeof type !== 'string' || !scalars.has(type) || 'const' in node) return node
  const most = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? {} : { maximum }
  if (values !== undefined)
    return { ...rest, anyOf: [{ enum: values }, { type: 'string', pattern: placeholder }] }
  if (type !== 'string') return { type: [type, 'string'], pattern: placeholder, ...most, ...rest }
  return { type, ...(pattern === undefined ? {} : { pattern: `(?:${pattern})|${placeholder}` }), ...rest }
}

const scalars = new Set(['string', 'integer', 'number', 'boolean'])

function mapValues<T, U>(block: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(block).map(([key, value]) => [key, map(value)]))
}
