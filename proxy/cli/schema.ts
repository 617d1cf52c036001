import { readFile, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { loadExtensions } from '../config/extensions.ts'
import { printJsonSchema, printTestSchema } from '../config/json-schema.ts'
import { loadConfig } from '../config/load.ts'

/** The JSON Schema that the first line of routes.yaml names for editors. */
export const schemaFile = new URL('../config/routes.schema.json', import.meta.url)

/** And that of routes.test.yaml. */
const testSchemaFile = new URL('../config/routes.test.schema.json', import.meta.url)

export interface SchemaArguments {
  /** A routes.yaml whose extensions are to be described, too. It must be free of mistakes. */
  readonly file?: string
  /** That of routes.test.yaml. */
  readonly tests?: boolean
  /** Write it to this file (or, with an empty text, both to those that come with Gatehouse) instead of printing it. */
  readonly write?: string
  /** Only compare with that file, or those. */
  readonly check: boolean
  /** Say as JSON what `--write` and `--check` came to. The schema itself is JSON in any case. */
  readonly json: boolean
}

/** `gatehouse schema`. Exit code 0; 1 if `--check` finds a difference; 2 if the file has mistakes. */
export async function runSchema(
  { file, tests = false, write, check, json }: SchemaArguments,
  io: { out(text: string): void; err(text: string): void; colour: boolean },
): Promise<number> {
  const made = tests ? printTestSchema() : file === undefined ? printJsonSchema() : await describeFile(file)
  if (made === undefined) {
    io.err(`${file} has mistakes; \`gatehouse check\` names them`)
    return 2
  }
  const targets: readonly (readonly [file: string | URL, made: string])[] = write
    ? [[resolve(write), made]]
    : [
        [schemaFile, tests ? printJsonSchema() : made],
        [testSchemaFile, printTestSchema()],
      ]
  if (check) {
    const found = await Promise.all(targets.map(([target]) => readFile(target, 'utf8').catch(() => '')))
    const isSame = targets.every(([, text], index) => found[index] === text)
    if (json) io.out(JSON.stringify({ same: isSame }))
    if (isSame) return 0
    io.err('the JSON Schema is not the one that the code makes; write it with `gatehouse schema --write`')
    return 1
  }
  if (write === undefined) {
    io.out(made.trimEnd())
    return 0
  }
  for (const [target, text] of targets) await writeFile(target, text)
  if (json)
    io.out(
      JSON.stringify({
        files: targets.map(([target]) => (target instanceof URL ? target.pathname : target)),
      }),
    )
  return 0
}

async function describeFile(file: string): Promise<string | undefined> {
  const loaded = await loadConfig({ file })
  if (!loaded.ok) return undefined
  return printJsonSchema(await loadExtensions(loaded.config.extensions, dirname(resolve(file))))
}
