import type { LoadedConfig } from '../../config/loaded.ts'
import { redactText, redactUrl } from '../../observability/redaction.ts'
import { destinationText, isServed, redirectOf, statusOf } from '../../rehearsal/explanation.ts'
import { buildOffline } from '../../rehearsal/offline.ts'
import { incomingOf } from '../../rehearsal/sample-request.ts'
import { type Rehearsal, rehearse } from '../../request/rehearsal.ts'

/** A request that somebody types. */
export interface TypedRequest {
  readonly method: string
  readonly url: string
  /** Address of the client. */
  readonly from: string
  readonly upgrade: boolean
}

/** What would become of it: the answer of `gatehouse explain`, without what is sent in fields and queries. */
export interface TestedRequest {
  readonly served: boolean
  readonly status?: number
  /** One sentence for a person. */
  readonly answer: string
  readonly readAs?: { readonly listener: string; readonly method: string; readonly address: string }
  readonly route?: { readonly name: string; readonly rule: string }
  readonly params: Readonly<Record<string, string>>
  readonly nearMisses: readonly { readonly route: string; readonly rule: string; readonly reason: string }[]
  readonly policies: readonly {
    readonly policy: string
    readonly mode: string
    readonly verdict: string
    readonly reason?: string
  }[]
  /** What an upstream would receive: the names of fields, and no value. */
  readonly sent?: { readonly method: string; readonly path: string; readonly fields: readonly string[] }
}

/** Reads what a page sent. Throws one sentence about what is no request. */
export function readTyped(body: unknown): TypedRequest {
  const { method = 'GET', url, from = '127.0.0.1', upgrade = false } = (body ?? {}) as Record<string, unknown>
  const texts = [method, url, from]
  if (!texts.every((text) => typeof text === 'string' && text.length <= longest))
    throw new Error(`Send method, url and from as text of at most ${longest} characters.`)
  return {
    method: String(method).trim().toUpperCase(),
    url: String(url).trim(),
    from: String(from).trim(),
    upgrade: upgrade === true,
  }
}

/** Asks the functions that serve. Throws one sentence where there is no such request. */
export async function testRequest(typed: TypedRequest, config: LoadedConfig): Promise<TestedRequest> {
  const incoming = incomingOf({ ...typed, headers: [], http2: false }, config)
  const gatehouse = buildOffline(config, () => {})
  try {
    return shown(await rehearse(incoming, gatehouse.state))
  } finally {
    await gatehouse.close()
  }
}

// --- internal ---

const longest = 4096

function shown(rehearsal: Rehearsal): TestedRequest {
  const { facts, route, trace, nearMisses, sent, decision } = rehearsal
  return {
    served: isServed(rehearsal),
    status: statusOf(rehearsal),
    answer: redactText(answerOf(rehearsal)),
    readAs: facts && {
      listener: facts.listener,
      method: facts.method,
      address: `${facts.host}${redactUrl(facts.path, false)}`,
    },
    route: route && { name: route.name, rule: route.rule },
    params: facts?.params ?? {},
    nearMisses: nearMisses.map(({ route: other, reason }) => ({
      route: other.name,
      rule: other.rule,
      reason,
    })),
    policies: trace.map(({ policy, mode, verdict, reason }) => ({
      policy,
      mode,
      verdict,
      reason: reason && redactText(reason),
    })),
    sent:
      decision?.outcome === 'pass' && sent
        ? {
            method: sent.method,
            path: redactUrl(sent.path, false),
            fields: sent.headers.filter((_, at) => at % 2 === 0),
          }
        : undefined,
  }
}

function answerOf(rehearsal: Rehearsal): string {
  const { unreadable, ambiguous, route, decision, unmatched } = rehearsal
  const status = statusOf(rehearsal)
  if (unreadable) return `${status} ${unreadable.code}: ${unreadable.message}`
  if (ambiguous) return '400: readers of this path would disagree about its route.'
  if (decision?.outcome === 'deny') return `${status} ${decision.code}, by ${decision.policy}.`
  if (decision?.outcome === 'answer') return `${status} by ${decision.policy}: ${decision.reason}`
  if (route) return `It passes, and goes to ${redactUrl(destinationText(route), false)}.`
  if (unmatched?.kind === 'redirect')
    return `No route fits, so its listener sends it to ${redactUrl(redirectOf(rehearsal) ?? '', false)}.`
  if (unmatched?.kind === 'challenge') return 'Its listener answers it for the authority of certificates.'
  return '404: no route fits.'
}
