import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Extension } from './loaded.ts'
import { type Issue, plainWords } from './sentences.ts'

/** An extension, and the schema of its options where it brought one. */
export interface ReadExtension {
  readonly extension: Extension
  check(options: unknown): Promise<CheckedOptions>
  /** The zod schema itself, for the editor. */
  readonly options?: unknown
}
export type CheckedOptions = { readonly options: unknown } | { readonly issues: readonly Issue[] }

/**
 * Imports the files under `extensions:`. A file that is not there, throws, or exports something else is `broken`:
 * it closes the routes that use it, and no mistake of its keeps the other routes from being served.
 */
export async function loadExtensions(
  files: Readonly<Record<string, unknown>>,
  folder: string,
): Promise<ReadonlyMap<string, ReadExtension>> {
  const named = Object.entries(files).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  const read = await Promise.all(named.map(([name, file]) => loadExtension(name, file, folder)))
  return new Map(read.map((entry) => [entry.extension.name, entry]))
}

/** An import that waits for something at its top would otherwise hold up the start for ever. */
const patience = 10_000

async function loadExtension(name: string, file: string, folder: string): Promise<ReadExtension> {
  try {
    const definition = readDefinition(await importFresh(resolve(folder, file)))
    const { kind, options } = definition
    const create = (given: unknown): unknown => definition.create(given)
    return {
      extension: { name, file, kind, create },
      options,
      check: (given) => checkOptions(options, given),
    }
  } catch (error) {
    const broken = firstLine(error)
    return { extension: { name, file, broken }, check: async (options) => ({ options }) }
  }
}

/** A file that changed is a module of its own; one that did not is the module that was loaded before. */
async function importFresh(file: string): Promise<unknown> {
  const { mtimeMs, size } = await stat(file)
  const url = pathToFileURL(file)
  url.searchParams.set('version', `${mtimeMs}-${size}`)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`is still loading after ${patience / 1000}s`)), patience)
  })
  try {
    const module: { default?: unknown } = await Promise.race([import(url.href), late])
    return module.default
  } finally {
    clearTimeout(timer)
  }
}

interface Definition {
  readonly kind: 'policy' | 'middleware'
  readonly options?: OptionsSchema
  create(options: unknown): unknown
}
interface OptionsSchema {
  safeParseAsync(
    value: unknown,
    params: { error: (issue: object) => string },
  ): Promise<{ success: true; data: unknown } | { success: false; error: { issues: readonly Issue[] } }>
}

function readDefinition(value: unknown): Definition {
  const definition = value as Partial<Definition> | null | undefined
  const kind = definition?.kind
  if ((kind !== 'policy' && kind !== 'middleware') || typeof definition?.create !== 'function')
    throw new Error('its default export is neither definePolicy({ … }) nor defineMiddleware({ … })')
  if (definition.options !== undefined && typeof definition.options?.safeParseAsync !== 'function')
    throw new Error('its `options` are no zod schema')
  return definition as Definition
}

async function checkOptions(schema: OptionsSchema | undefined, options: unknown): Promise<CheckedOptions> {
  if (schema === undefined) return { options }
  try {
    const result = await schema.safeParseAsync(options, { error: plainWords })
    return result.success ? { options: result.data } : { issues: result.error.issues }
  } catch (error) {
    return { issues: [{ path: [], message: `cannot be checked: ${firstLine(error)}` }] }
  }
}

/** One line without a stack: this text is shown to whoever edits routes.yaml. */
function firstLine(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  if (code === 'ENOENT') return 'the file is not there'
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n', 1)[0]?.slice(0, 300) || 'it threw something without a message'
}
