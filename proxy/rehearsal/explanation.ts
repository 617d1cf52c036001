import { errors } from '../errors.ts'
import type { Route } from '../request/match/route.ts'
import type { Rehearsal } from '../request/rehearsal.ts'

/** The answer as a document, for `--json` and the dashboard. */
export function explanation(rehearsal: Rehearsal): Record<string, unknown> {
  const { unreadable, facts, route, decision } = rehearsal
  if (unreadable)
    return {
      outcome: 'error',
      status: errors[unreadable.code].status,
      code: unreadable.code,
      detail: unreadable.message,
    }
  return {
    outcome: decision?.outcome ?? (isUnmatchedServed(rehearsal) ? 'pass' : 'error'),
    status: statusOf(rehearsal),
    request: {
      listener: facts?.listener,
      method: facts?.method,
      host: facts?.host,
      path: facts?.path,
      query: facts?.query,
      client: facts?.client.text,
      upgrade: facts?.upgrade,
    },
    route: route && { name: route.name, rule: route.rule, destination: destinationText(route) },
    ambiguous: rehearsal.ambiguous,
    redirect: redirectOf(rehearsal),
    params: facts?.params,
    nearMisses: rehearsal.nearMisses.map(({ route: other, reason }) => ({
      route: other.name,
      rule: other.rule,
      reason,
    })),
    policies: rehearsal.trace,
    decision: decision && {
      ...decision,
      requestHeaders: undefined,
      responseHeaders: decision.responseHeaders,
    },
    sent: rehearsal.sent,
  }
}

/** The status that the client would get from us, or undefined where the upstream or a file decides. */
export function statusOf({
  unreadable,
  route,
  decision,
  ambiguous,
  unmatched,
}: Rehearsal): number | undefined {
  if (unreadable) return errors[unreadable.code].status
  if (ambiguous) return errors.path_ambiguous.status
  if (unmatched?.kind === 'challenge') return undefined
  if (unmatched?.kind === 'redirect') return unmatched.head.status
  if (!route) return errors.no_route.status
  if (decision?.outcome === 'deny') return errors[decision.code].status
  if (decision?.outcome === 'answer') return decision.status
  if (route.destination.kind === 'closed') return errors.extension_broken.status
  return route.destination.kind === 'redirect' ? route.destination.status : undefined
}

/** Whether something is served: by a route, or by the listener itself. */
export function isServed(rehearsal: Rehearsal): boolean {
  if (isUnmatchedServed(rehearsal)) return true
  return rehearsal.decision?.outcome === 'pass' && rehearsal.route?.destination.kind !== 'closed'
}

/** Whether the listener itself has an answer where no route has. */
export function isUnmatchedServed({ unmatched }: Rehearsal): boolean {
  return unmatched !== undefined && unmatched.kind !== 'nothing'
}

/** Where the listener sends what no route serves. */
export function redirectOf({ unmatched }: Rehearsal): string | undefined {
  return unmatched?.kind === 'redirect' ? String(unmatched.head.headers.location) : undefined
}

export function destinationText({ destination, config }: Route): string {
  switch (destination.kind) {
    case 'upstream': {
      const targets = destination.upstream.targets().map(({ address }) => address.text)
      return `${config.to}${targets.length > 0 && !targets.includes(config.to ?? '') ? ` (${targets.join(', ')})` : ''}`
    }
    case 'files':
      return `files in ${config.files?.root}`
    case 'redirect':
      return `redirect to ${config.redirect?.location}`
    case 'closed':
      return `nowhere: ${destination.reason}`
  }
}

/** Terminals are shared and reports are pasted into tickets: a credential is not repeated in them. */
export function withoutCredentials(headers: readonly string[]): string[] {
  return headers.map((text, index) =>
    index % 2 === 1 && credentials.test(headers[index - 1] ?? '') ? '(not shown)' : text,
  )
}

const credentials = /^(authorization|cookie|proxy-authorization|sec-websocket-protocol)$/i
