import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { toJsonSchema, toTestSchema } from '../../proxy/config/json-schema.ts'
import { errors } from '../../proxy/errors.ts'
import { metricsJson } from '../../proxy/observability/metrics.ts'
import { describeKeys, describeTestKeys } from './schema-keys.ts'
import { declaredByService } from './service-metrics.ts'

/**
 * Writes docs/reference.md from the code: commands, keys of routes.yaml, policies, errors, metrics. With `--check`
 * it only compares, so that none of them is added or renamed without the page that users read.
 */

const page = fileURLToPath(new URL('../../docs/reference.md', import.meta.url))
const made = await writeReference()
if (!process.argv.includes('--check')) writeFileSync(page, made)
else if (readIfThere(page) !== made) {
  console.error('docs/reference.md is not the one that the code makes. Write it with: make docs')
  process.exitCode = 1
}

async function writeReference(): Promise<string> {
  const { routing, policies } = describeKeys(toJsonSchema())
  const sections = [
    '# Reference',
    'Made from the code by `make docs`; `make check` fails when it is out of date.',
    '## Commands',
    ...describeCommands(),
    '## routes.yaml',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is shown as it is
    'Where a key holds `${NAME}` or `${NAME:-otherwise}`, the environment variable stands there.',
    table(['key', 'meaning'], routing),
    '## routes.test.yaml',
    'Requests, and what has to become of them: `gatehouse test` tries them, and so does every reload before it puts a table in force. Nothing is connected and no limit is used up.',
    table(['key', 'meaning'], describeTestKeys(toTestSchema())),
    '## Policies',
    'Under `policies` of a route, or of `defaults` for every route.',
    table(['key', 'meaning'], policies),
    '## Errors',
    'The code stands in the JSON problem that an API client gets, in the access log and in the metrics. *Side* says who has to act.',
    table(['code', 'status', 'side', 'may work later', 'what clients read'], describeErrors()),
    '## Metrics',
    'At `/metrics` of the admin listener, with the `process_*` and `nodejs_*` of the runtime beside them.',
    table(['metric', 'type', 'meaning'], await describeMetrics()),
    '## Metrics of the services',
    'At `/metrics` of METRICS_PORT of each service, which is off unless it is set and then on loopback, with the `process_*` and `nodejs_*` of the runtime beside them. No label holds what a client sent, a secret or a name of a person.',
    table(['service', 'metric', 'type', 'labels', 'meaning'], await describeServiceMetrics()),
  ]
  return `${sections.join('\n\n')}\n`
}

function describeCommands(): string[] {
  const overview = help([])
  const list = overview.slice(overview.indexOf('Commands:'))
  const names = [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map((found) => found[1] ?? '')
  const commands = names.filter((name) => name !== 'help')
  return commands.flatMap((name) => [`### gatehouse ${name}`, `\`\`\`\n${help([name]).trimEnd()}\n\`\`\``])
}

function help(command: string[]): string {
  const main = fileURLToPath(new URL('../../proxy/main.ts', import.meta.url))
  return execFileSync(process.execPath, [main, ...command, '--help'], { encoding: 'utf8' })
}

function describeErrors(): string[][] {
  return Object.entries(errors).map(([code, { status, side, retryable, text }]) => [
    `\`${code}\``,
    String(status),
    side,
    retryable ? 'yes' : 'no',
    text,
  ])
}

async function describeMetrics(): Promise<string[][]> {
  const metrics = await metricsJson()
  return metrics.map(({ name, type, help }) => [`\`${name}\``, String(type), help])
}

async function describeServiceMetrics(): Promise<string[][]> {
  const groups = await declaredByService()
  return groups.flatMap(({ service, metrics }) =>
    metrics.map(({ name, type, labels, help }) => [service, `\`${name}\``, type, labels.join(', '), help]),
  )
}

function table(head: string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
