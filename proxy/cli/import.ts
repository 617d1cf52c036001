import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import { importApache } from '../import/apache.ts'
import { importCaddyfile } from '../import/caddyfile.ts'
import { type Imported, routesYaml } from '../import/imported.ts'
import { importNginx } from '../import/nginx.ts'
import { importTraefik } from '../import/traefik.ts'
import type { CommandOutput } from './explain.ts'

const importKinds = ['nginx', 'caddy', 'traefik', 'apache'] as const

export interface ImportArguments {
  /** What is read. */
  readonly file: string
  /** Default: what the file looks like. */
  readonly from?: (typeof importKinds)[number]
  /** Where routes.yaml goes; printed if absent. What exists is never written over. */
  readonly out?: string
  readonly json: boolean
}

/**
 * `gatehouse import`: reads a site of nginx, a Caddyfile, Traefik's file or labels, or a virtual host of Apache, and writes
 * it as routes.yaml, and with `--out` passwords that are within it as a file beside. What is left out is named by its line. Exit code 0 if all was taken, 1 if something was left out, 2
 * if it cannot be read or would not be served.
 */
export async function runImport(
  { file, from, out, json }: ImportArguments,
  io: CommandOutput,
): Promise<number> {
  let imported: Imported
  try {
    const text = await readFile(file, 'utf8')
    imported = readers[from ?? kindOf(file, text)](text)
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const sentence = { ENOENT: 'is not there', EISDIR: 'is a folder; name the file in it' }[code] ?? message
    io.err(`gatehouse import: ${file} ${sentence}`)
    return 2
  }
  const yaml = routesYaml(imported, file)
  if (out === undefined)
    io.out(json ? JSON.stringify({ routes: yaml, leftOut: imported.leftOut }, null, 2) : yaml)
  else {
    const files = Array.from(
      imported.passwords,
      ([name, lines]) => [join(dirname(out), name), lines] as const,
    )
    for (const [path, text, mode] of [
      ...files.map(([path, lines]) => [path, `${lines.join('\n')}\n`, 0o600] as const),
      [out, yaml, 0o644] as const,
    ])
      try {
        await writeFile(path, text, { flag: 'wx', mode })
      } catch (error) {
        io.err(
          `gatehouse import: ${path} cannot be written (${(error as NodeJS.ErrnoException).code}); nothing is written over`,
        )
        return 2
      }
    const said = `${out} is written. Look it over, then: gatehouse check ${out}`
    io.out(json ? JSON.stringify({ file: out, leftOut: imported.leftOut }, null, 2) : said)
  }
  if (!json)
    for (const { line, text, why } of imported.leftOut)
      io.err(`${file}:${line} left out: ${text}\n    ${why}`)
  if (out === undefined && !json)
    for (const name of imported.passwords.keys())
      io.err(`${name}: passwords that stand in ${file}; --out writes them beside routes.yaml`)
  const loaded = await loadConfig({ file: out ?? 'routes.yaml', text: yaml })
  // What --out would write beside it is not there when it is only printed.
  const isToCome = (message: string): boolean =>
    out === undefined &&
    Array.from(imported.passwords.keys()).some((name) => message.startsWith(`"${name}" is not there`))
  const problems = (loaded.ok ? [] : loaded.problems).filter(({ message }) => !isToCome(message))
  for (const problem of problems) io.err(formatProblem(problem))
  if (problems.length > 0) return 2
  return imported.leftOut.length > 0 ? 1 : 0
}

// --- internal ---

const readers: Readonly<Record<(typeof importKinds)[number], (text: string) => Imported>> = {
  nginx: importNginx,
  caddy: importCaddyfile,
  traefik: importTraefik,
  apache: importApache,
}

function kindOf(file: string, text: string): (typeof importKinds)[number] {
  if (/<VirtualHost\b/i.test(text)) return 'apache'
  if (/\bserver\s*\{/.test(text)) return 'nginx'
  if (/\.ya?ml$/.test(file) || /traefik\.http\./.test(text)) return 'traefik'
  if (/caddyfile/i.test(file) || /\b(reverse_proxy|file_server|respond)\b/.test(text)) return 'caddy'
  throw new Error('looks like none of nginx, a Caddyfile, Traefik or Apache; say which with --from')
}
