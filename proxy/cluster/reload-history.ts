import type { ReloadReport } from '../admin/dashboard/reload-report.ts'
import type { ConfigProblem } from '../config/loaded.ts'
import { policySchemas } from '../config/policy-schemas.ts'
import { formatProblem } from '../config/problem.ts'
import { readSource } from '../config/source.ts'
import { isSecretField, redacted, redactText, redactUrl } from '../observability/redaction.ts'
import { type Difference, differenceOf } from '../rehearsal/difference.ts'

/** What one reload came to, as the reloader tells it. Texts of routes.yaml. */
export type ReloadEvent =
  | {
      readonly outcome: 'taken up'
      readonly before: string
      readonly after: string
      readonly needRestart: readonly string[]
      readonly endedTunnels: number
    }
  | { readonly outcome: 'refused'; readonly problems: readonly ConfigProblem[] }
  | { readonly outcome: 'taken back' }

/** The last reloads, the newest first. */
export interface ReloadHistory {
  note(event: ReloadEvent): void
  list(): readonly ReloadReport[]
}

const mostKept = 20
const mostChanges = 50
const mostDetails = 12

export function createReloadHistory(env: NodeJS.ProcessEnv): ReloadHistory {
  const kept: ReloadReport[] = []
  return {
    note(event) {
      kept.unshift(reportOf(event, env))
      if (kept.length > mostKept) kept.pop()
    },
    list: () => kept,
  }
}

// --- internal ---

function reportOf(event: ReloadEvent, env: NodeJS.ProcessEnv): ReloadReport {
  const nothing = { at: Date.now(), changes: [], problems: [], needRestart: [], endedTunnels: 0 }
  if (event.outcome === 'taken back') return { ...nothing, outcome: 'taken back' }
  if (event.outcome === 'refused') {
    const problems = event.problems.slice(0, mostChanges).map((each) => redactText(formatProblem(each)))
    return { ...nothing, outcome: 'refused', problems }
  }
  const { outcome, before, after, needRestart, endedTunnels } = event
  return { ...nothing, outcome, changes: changesOf(before, after, env), needRestart, endedTunnels }
}

/**
 * Told by values that were rid of their secrets. Where the secrets alone differ, that is what is said.
 */
function changesOf(before: string, after: string, env: NodeJS.ProcessEnv): Difference[] {
  const [was, now] = [before, after].map((text) => readSource('routes.yaml', text, env).source?.value)
  const shown = new Map(
    differenceOf(withoutSecrets(was), withoutSecrets(now)).map((each) => [each.of, each.details]),
  )
  return differenceOf(was, now)
    .slice(0, mostChanges)
    .map(({ of, kind }) => ({
      of,
      kind,
      details: (shown.get(of) ?? ['a value that is not shown']).slice(0, mostDetails),
    }))
}

/** Values under a name that secrets go by, what is set in fields, and credentials in addresses. */
function withoutSecrets(value: unknown, name = ''): unknown {
  if (typeof value === 'string')
    return isSecretField(name) ? redacted : redactText(/\/\//.test(value) ? redactUrl(value) : value)
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, name))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      isHidden(key, inner, name) ? redacted : withoutSecrets(inner, key),
    ]),
  )
}

/** Fields that are sent are often credentials, whatever they are called; options of extensions nobody here can judge. */
function isHidden(key: string, value: unknown, within: string): boolean {
  if (/^(set|add|headers)$/.test(within)) return typeof value !== 'object' || Array.isArray(value)
  if (within === 'policies') return !Object.hasOwn(policySchemas, key)
  return key === 'options'
}
