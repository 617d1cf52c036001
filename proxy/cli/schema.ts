import { readFile, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { loadExtensions } from '../config/extensions.ts'
import { printJsonSchema } from '../config/json-schema.ts'
import { loadConfig } from '../config/load.ts'

/** The JSON Schema that the first line of routes.yaml names for editors. */
export const schemaFile = new URL('../config/routes.schema.json', import.meta.url)

export interface SchemaArguments {
  /** A routes.yaml whose extensions are to be described, too. It must be free of mistakes. */
  readonly file?: string
  /** Write it to this file (or, with an empty text, to the one that comes with Gatehouse) instead of printing it. */
  readonly write?: string
  /** Only compare with that file. */
  readonly check: boolean
  /** Say as JSON what `--write` and `--check` came to. The schema itself is JSON in any case. */
  readonly json: boolean
}

/** `gatehouse schema`. Exit code 0; 1 if `--check` finds a difference; 2 if the file has mistakes. */
export async function runSchema(
  { file, write, check, json }: SchemaArguments,
  io: { out(text: string): void; err(text: string): void; colour: boolean },
): Promise<number> {
  const made = file === undefined ? printJsonSchema() : await describeFile(file)
  if (made === undefined) {
    io.err(`${file} has mistakes; \`gatehouse check\` names them`)
    return 2
  }
  const target = write ? resolve(write) : schemaFile
  if (check) {
    const isSame = (await readFile(target, 'utf8').catch(() => '')) === made
    if (json) io.out(JSON.stringify({ same: isSame }))
    if (isSame) return 0
    io.err('the JSON Schema is not the one that the code makes; write it with `gatehouse schema --write`')
    return 1
  }
  if (write === undefined) io.out(made.trimEnd())
  else {
    await writeFile(target, made)
    if (json) io.out(JSON.stringify({ file: target instanceof URL ? target.pathname : target }))
  }
  return 0
}

async function describeFile(file: string): Promise<string | undefined> {
  const loaded = await loadConfig({ file })
  if (!loaded.ok) return undefined
  return printJsonSchema(await loadExtensions(loaded.config.extensions, dirname(resolve(file))))
}
