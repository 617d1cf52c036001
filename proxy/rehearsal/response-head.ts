import type { HeaderEntry, ResponseHead, ResponseHeaders } from '../request/policies/policy.ts'
import type { Rehearsal } from '../request/rehearsal.ts'
import { redirectOf, statusOf } from './explanation.ts'

/** The head of the response as far as it is ours to say: what an upstream or a file adds is not known beforehand. */
export interface RehearsedHead {
  /** Undefined where an upstream or a file decides. */
  readonly status: number | undefined
  /** By lower-case name. */
  readonly headers: ResponseHeaders
}

/** What the policies of the route make of the response, by the hooks that the running proxy calls. */
export function rehearsedHead(rehearsal: Rehearsal): RehearsedHead {
  const { route, facts, decision } = rehearsal
  const status = statusOf(rehearsal)
  const head: ResponseHead = { status: status ?? 200, headers: Object.create(null) }
  const location = redirectOf(rehearsal) ?? locationOf(rehearsal)
  if (location !== undefined) head.headers.location = location
  if (route !== undefined && facts !== undefined) {
    setAll(head.headers, route.fixedHeaders)
    setAll(head.headers, decision?.responseHeaders ?? [])
    if (decision?.outcome === 'answer') setAll(head.headers, decision.headers)
    for (const editor of route.responseEditors) editor.editResponse?.(facts, head)
  }
  return { status, headers: head.headers }
}

// --- internal ---

function locationOf({ route, facts, decision }: Rehearsal): string | undefined {
  if (decision?.outcome !== 'pass' || facts === undefined) return undefined
  return route?.destination.kind === 'redirect' ? route.destination.locate(facts) : undefined
}

function setAll(headers: ResponseHeaders, entries: readonly HeaderEntry[]): void {
  for (const [name, value] of entries) headers[name.toLowerCase()] = value
}
