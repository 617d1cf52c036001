import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Draft, readDraft } from './draft.ts'
import { loadExtensions, type ReadExtension } from './extensions.ts'
import { type CertificateFacts, checkFiles } from './files.ts'
import { lintConfig } from './lint.ts'
import { checkListeners, isEncrypted } from './listener-rules.ts'
import type { ConfigProblem, LoadedConfig, LoadedRoute } from './loaded.ts'
import {
  type CheckedPolicies,
  checkMiddlewareOptions,
  checkPolicies,
  isBuiltin,
  mergePolicies,
  toRoutePolicies,
} from './policies.ts'
import { type Finding, inFileOrder } from './problem.ts'
import { checkRequiredParams, checkRouteNames, isAddress } from './route-rules.ts'
import type { Config } from './schema.ts'
import { type Reading, readSource, type Source } from './source.ts'
import { upstream } from './upstream-schema.ts'

export interface LoadRequest {
  /** Path of the file, as messages should name it. */
  readonly file: string
  /** Its text, if it was read already. */
  readonly text?: string
  /** What `${NAME}` and `env:NAME` are looked up in. Default: the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export type LoadResult =
  | {
      readonly ok: true
      readonly config: LoadedConfig
      /** What was read: another process that loads it comes to the same. */
      readonly text: string
      readonly warnings: ConfigProblem[]
    }
  | { readonly ok: false; readonly problems: ConfigProblem[] }

/**
 * Reads routes.yaml: read → parse → fill in the environment → check → merge defaults → freeze. Answers every
 * mistake at once, in the order of the file. Never throws. Nothing is resolved or connected.
 */
export async function loadConfig({ file, text, env = process.env }: LoadRequest): Promise<LoadResult> {
  const read = text === undefined ? await readText(file) : { text: text.replace(/^\ufeff/, '') }
  if ('fault' in read) return { ok: false, problems: [ofWholeFile(file, read)] }
  const reading = readSource(file, read.text, env)
  if (reading.source === undefined) return { ok: false, problems: [...reading.problems] }
  return check(reading.source, { reading, text: read.text, env })
}

/** A file larger than this holds no routes. */
const largest = 32 * 1024 * 1024

async function readText(file: string): Promise<{ text: string } | { fault: string; mend?: string }> {
  try {
    const bytes = await readFile(file)
    if (bytes.length > largest) return { fault: 'is larger than 32MB' }
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT')
      return { fault: 'is not there', mend: 'go to the folder of routes.yaml, or name another with --file' }
    if (code === 'EISDIR') return { fault: 'is a folder' }
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return { fault: 'is not UTF-8 text' }
    return { fault: `cannot be read (${code ?? 'malformed path'})` }
  }
}

function ofWholeFile(file: string, { fault, mend }: { fault: string; mend?: string }): ConfigProblem {
  return { severity: 'error', file, line: 1, column: 1, path: '', message: fault, mend }
}

interface Given {
  readonly reading: Reading
  readonly text: string
  readonly env: Readonly<Record<string, string | undefined>>
}

async function check(source: Source, { reading, text, env }: Given): Promise<LoadResult> {
  const folder = dirname(resolve(source.file))
  const { draft, config, findings } = readDraft(source)
  const extensions = await loadExtensions(draft.extensions, folder)
  const { policies, findings: ofPolicies } = await readPolicies(draft, extensions, source)
  const all: Finding[] = [
    ...findings,
    ...checkExtensionNames(draft, source),
    ...checkListeners(draft, source),
    ...checkRouteNames({ draft, extensions, source }),
    ...ofPolicies,
    ...draft.routes.flatMap((route, index) => checkRequiredParams(route, policies[index] ?? none, source)),
  ]
  const middleware = await readMiddleware(draft, extensions, source)
  all.push(...middleware.findings)

  const parts = { tls: draft.tls ?? { certificates: [], minVersion: 'TLSv1.2' as const }, ...filesOf(draft) }
  const files = await checkFiles({ ...parts, folder }, policies, { source, env })
  all.push(...files.findings)

  const told = all.filter((finding) => !source.isUnread(finding.path))
  const problems = [...reading.problems, ...told.map((finding) => source.problem('error', finding))]
  if (config === undefined || problems.length > 0) return { ok: false, problems: inFileOrder(problems) }

  const routes = config.routes.map((_, index) => index)
  const loaded = freeze({
    ...mergeTop(config),
    file: source.file,
    folder,
    sha256: createHash('sha256').update(text).digest('hex'),
    routes: routes.map((index) =>
      mergeRoute(config, index, { policies, middleware: middleware.options, source }),
    ),
    loadedExtensions: new Map([...extensions].map(([name, { extension }]) => [name, extension])),
  })
  return { ok: true, config: loaded, text, warnings: warn(loaded, source, files.certificates) }
}

const none: CheckedPolicies = new Map()

/** What of a draft mentions files, in the shape that `checkFiles` reads. */
function filesOf({ listeners, upstreams, routes, redis, tracing }: Draft) {
  return {
    redis,
    tracing,
    listeners: withoutGaps(listeners),
    upstreams: withoutGaps(upstreams),
    // Only `files` is looked at, and that is there if it could be read.
    routes: routes as unknown as readonly LoadedRoute[],
  }
}

function withoutGaps<T>(block: Readonly<Record<string, T | undefined>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(block).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  )
}

/** The policies of each route, the defaults merged in. */
async function readPolicies(draft: Draft, extensions: ReadonlyMap<string, ReadExtension>, source: Source) {
  const defaults = await checkPolicies(['defaults', 'policies'], extensions, source)
  const findings = [...defaults.findings]
  const policies: CheckedPolicies[] = []
  for (const index of draft.routes.keys()) {
    const own = await checkPolicies(['routes', index, 'policies'], extensions, source)
    findings.push(...own.findings)
    policies.push(mergePolicies(defaults.policies, own.policies))
  }
  return { policies, findings }
}

/** The options of each middleware of each route, as its own schema reads them. */
async function readMiddleware(draft: Draft, extensions: ReadonlyMap<string, ReadExtension>, source: Source) {
  const findings: Finding[] = []
  const options: unknown[][] = []
  for (const [index, { middleware = [] }] of draft.routes.entries()) {
    const ofRoute: unknown[] = []
    for (const [place, { use }] of middleware.entries()) {
      const read = extensions.get(use)
      // A broken one closes the route, and one of the other kind is told elsewhere.
      if (read === undefined || !('kind' in read.extension) || read.extension.kind !== 'middleware') continue
      const path = ['routes', index, 'middleware', place, 'options']
      const checked = await checkMiddlewareOptions(path, read, source)
      if ('findings' in checked) findings.push(...checked.findings)
      else ofRoute[place] = checked.options
    }
    options.push(ofRoute)
  }
  return { findings, options }
}

function checkExtensionNames({ extensions }: Draft, source: Source): Finding[] {
  return Object.keys(extensions).flatMap((name) => {
    const path = ['extensions', name]
    const mend = 'give the extension a name of its own'
    return isBuiltin(name) && !source.isUnread(path)
      ? [{ path, message: `"${name}" is the name of a built-in policy`, mend, at: 'key' as const }]
      : []
  })
}

function mergeTop({ defaults: _, routes, ...config }: Config): Omit<Config, 'routes' | 'defaults'> {
  const named = Object.entries(config.listeners)
  const listeners = named.map(([name, listener]) => [name, { ...listener, tls: isEncrypted(name, listener) }])
  const upstreams = { ...namelessUpstreams(routes), ...config.upstreams }
  return { ...config, listeners: Object.fromEntries(listeners), upstreams }
}

/** `to: http://127.0.0.1:3000` is an upstream of one target, named as it is written. */
function namelessUpstreams(routes: Config['routes']): Config['upstreams'] {
  const addresses = routes.flatMap(({ to }) => (to !== undefined && isAddress(to) ? [to] : []))
  return Object.fromEntries(addresses.map((to) => [to, upstream.parse({ targets: [to] })]))
}

interface Checked {
  readonly policies: readonly CheckedPolicies[]
  readonly middleware: readonly (readonly unknown[])[]
  readonly source: Source
}

function mergeRoute(config: Config, index: number, { policies, middleware, source }: Checked): LoadedRoute {
  const route = config.routes[index] as Config['routes'][number]
  return {
    ...route,
    line: source.place(['routes', index]).line,
    listeners: route.listeners ?? defaultListeners(config),
    policies: toRoutePolicies(policies[index] ?? none),
    middleware: route.middleware.map(({ use }, place) => ({ use, options: middleware[index]?.[place] })),
  }
}

/** A route that names no listener answers where clients are encrypted; where nothing is, everywhere. */
function defaultListeners({ listeners }: Config): string[] {
  const encrypted = Object.entries(listeners).flatMap(([name, listener]) =>
    isEncrypted(name, listener) ? [name] : [],
  )
  return encrypted.length > 0 ? encrypted : Object.keys(listeners)
}

function warn(
  config: LoadedConfig,
  source: Source,
  certificates: readonly CertificateFacts[],
): ConfigProblem[] {
  const findings = lintConfig(config, { certificates, now: Date.now(), show: source.show })
  return inFileOrder(findings.map((finding) => source.problem('warning', finding)))
}

/** Nothing may change a configuration that was checked: many routes share the objects of the defaults. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  // What an extension made of its options may be of any kind, and is its own.
  const plain = Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value))
  if (!plain) return value
  Object.freeze(value)
  for (const inner of Object.values(value)) freeze(inner)
  return value
}
