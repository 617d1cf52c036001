import type { z } from 'zod'
import { blockOf } from './draft.ts'
import type { ReadExtension } from './extensions.ts'
import type { RoutePolicies } from './loaded.ts'
import { choose } from './mend.ts'
import { type PolicyName, policySchemas } from './policy-schemas.ts'
import type { Finding, Path } from './problem.ts'
import { describeIssues, type Issue, plainWords, say, valueAt } from './sentences.ts'
import type { Source } from './source.ts'

/** The policies of one block, checked: name → options, or `off` for `false`. */
export type CheckedPolicies = ReadonlyMap<string, CheckedPolicy>
export type CheckedPolicy = 'off' | { readonly options: unknown; readonly path: Path }

/**
 * Checks each entry of a `policies` block against the schema of its name: a built-in policy's, or the one that an
 * extension brought. What cannot be read is left out of the answer and told in `findings`.
 */
export async function checkPolicies(
  path: Path,
  extensions: ReadonlyMap<string, ReadExtension>,
  source: Source,
): Promise<{ policies: CheckedPolicies; findings: Finding[] }> {
  const policies = new Map<string, CheckedPolicy>()
  const findings: Finding[] = []
  for (const [name, value] of Object.entries(blockOf(valueAt(source.value, path)))) {
    const at = [...path, name]
    if (value === false) {
      const unknown = findUnknown(name, at, extensions)
      if (unknown) findings.push(unknown)
      else policies.set(name, 'off')
      continue
    }
    const checked = await checkPolicy({ name, value, path: at }, extensions, source)
    if ('findings' in checked) findings.push(...checked.findings)
    else policies.set(name, { ...checked, path: at })
  }
  return { policies, findings }
}

/** The defaults with the route's own over them: a policy that a route names replaces the whole default. */
export function mergePolicies(defaults: CheckedPolicies, own: CheckedPolicies): CheckedPolicies {
  return new Map([...[...defaults].filter(([name]) => !own.has(name)), ...own])
}

/** The typed form that the route table is built from. */
export function toRoutePolicies(policies: CheckedPolicies): RoutePolicies {
  const builtin: Record<string, unknown> = {}
  const extensions: { name: string; options: unknown }[] = []
  for (const [name, policy] of policies) {
    if (policy === 'off') continue
    if (isBuiltin(name)) builtin[name] = policy.options
    else extensions.push({ name, options: policy.options })
  }
  // Each entry was parsed by the schema of its own name.
  return { ...builtin, extensions } as RoutePolicies
}

export function isBuiltin(name: string): name is PolicyName {
  return Object.hasOwn(policySchemas, name)
}

interface Entry {
  readonly name: string
  readonly value: unknown
  readonly path: Path
}
type Checked = { options: unknown } | { findings: Finding[] }

async function checkPolicy(
  entry: Entry,
  extensions: ReadonlyMap<string, ReadExtension>,
  source: Source,
): Promise<Checked> {
  const { name, value, path } = entry
  if (source.isUnread(path)) return { findings: [] }
  if (isBuiltin(name)) {
    const schema: z.ZodType = policySchemas[name]
    const result = schema.safeParse(value, { error: plainWords })
    return result.success
      ? { options: result.data }
      : { findings: describe(result.error.issues, entry, source) }
  }
  const unknown = findUnknown(name, path, extensions)
  if (unknown) return { findings: [unknown] }
  return checkExtension(entry, extensions.get(name) as ReadExtension, source)
}

function describe(issues: readonly Issue[], { path }: Entry, source: Source): Finding[] {
  return describeIssues(issues, path, source)
}

function findUnknown(
  name: string,
  path: Path,
  extensions: ReadonlyMap<string, ReadExtension>,
): Finding | undefined {
  if (isBuiltin(name)) return undefined
  const extension = extensions.get(name)?.extension
  if (extension === undefined) {
    const known = [...Object.keys(policySchemas), ...extensions.keys()]
    return { path, message: `there is no policy "${name}"`, mend: choose(name, known), at: 'key' }
  }
  if ('kind' in extension && extension.kind !== 'policy') {
    const mend = `write \`middleware: [{ use: ${name} }]\``
    return { path, message: `"${name}" is Express middleware`, mend, at: 'key' }
  }
  return undefined
}

/** `mode` is ours for every policy; `true` and an empty value mean no options. */
async function checkExtension(entry: Entry, read: ReadExtension, source: Source): Promise<Checked> {
  const { value, path } = entry
  const given = value === true || value === null ? {} : value
  const isBlock = typeof given === 'object' && given !== null && !Array.isArray(given)
  const { mode, ...rest } = isBlock ? (given as Record<string, unknown>) : {}
  if (mode !== undefined && mode !== 'enforce' && mode !== 'observe')
    return {
      findings: [
        { path: [...path, 'mode'], ...say(source, [...path, 'mode'], 'is neither enforce nor observe') },
      ],
    }
  return checkExtensionOptions({ ...entry, value: isBlock ? rest : given, mode }, read, source)
}

async function checkExtensionOptions(
  entry: Entry & { mode: string | undefined },
  read: ReadExtension,
  source: Source,
): Promise<Checked> {
  const result = await read.check(entry.value)
  if ('issues' in result)
    return {
      findings: describe(result.issues, entry, source).map((finding) => hideValues(finding, entry, source)),
    }
  const { options } = result
  if (entry.mode === undefined) return { options }
  if (typeof options === 'object' && options !== null) return { options: { ...options, mode: entry.mode } }
  return {
    findings: [{ path: entry.path, message: 'has a `mode`, and options that are no block to hold it' }],
  }
}

/** Options of middleware: the same check, without a `mode`. */
export async function checkMiddlewareOptions(
  path: Path,
  read: ReadExtension,
  source: Source,
): Promise<Checked> {
  const value = valueAt(source.value, path)
  return checkExtensionOptions({ name: read.extension.name, value, path, mode: undefined }, read, source)
}

/** Another author's message may tell the value that it refuses, and that may be a secret of the environment. */
function hideValues(finding: Finding, { value, path }: Entry, source: Source): Finding {
  let { message, mend } = finding
  const visit = (inner: unknown, at: Path): void => {
    if (typeof inner === 'object' && inner !== null)
      for (const [key, next] of Object.entries(inner))
        visit(next, [...at, Array.isArray(inner) ? Number(key) : key])
    else if (source.isFromEnvironment(at) && String(inner) !== '') {
      message = message.replaceAll(String(inner), '…')
      mend = mend?.replaceAll(String(inner), '…')
    }
  }
  visit(value, path)
  return { ...finding, message, mend }
}
