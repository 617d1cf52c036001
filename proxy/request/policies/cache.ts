import type { PolicyOptions } from '../../config/policy-schemas.ts'
import type { Facts } from '../facts.ts'
import { canonicalPath } from '../match/canonical-path.ts'
import type { PolicyContext } from './context.ts'
import type { Policy, ResponseHead } from './policy.ts'

type Rule = PolicyOptions<'cache'>['rules'][number]

/**
 * Tells browsers, and caches on the way, how long they may keep what GET and HEAD answer.
 *
 * `public` becomes `private` where a shared cache would hand one person's page to another: beside a policy
 * that asks who the client is, for a request with Authorization (RFC 9111 §3.5) or a client certificate, and for a
 * response that sets a cookie.
 */
export function cache(options: PolicyOptions<'cache'>, context: PolicyContext): Policy {
  const rules = options.rules.map((rule, index) => compileRule(rule, index, context.paths))
  const guarded = asksWhoTheClientIs(context)
  return {
    name: 'cache',
    mode: options.mode,
    editResponse: function setCacheFields(facts, head) {
      if (!keepable.has(head.status) || (facts.method !== 'GET' && facts.method !== 'HEAD')) return
      if (!options.override && saysItself(head)) return
      const rule = rules.find((candidate) => candidate.fits(facts.path))
      if (!rule) return
      const shared = rule.isPublic && !guarded && !isPersonal(facts, head)
      head.headers['cache-control'] = shared ? rule.sharedControl : rule.privateControl
      head.headers.expires = new Date(Date.now() + rule.maxAge).toUTCString()
      delete head.headers.pragma
    },
  }
}

const keepable: ReadonlySet<number> = new Set([200, 203, 206, 301, 304])

function saysItself({ headers }: ResponseHead): boolean {
  return (
    headers['cache-control'] !== undefined || headers.expires !== undefined || headers.pragma !== undefined
  )
}

function isPersonal(facts: Facts, head: ResponseHead): boolean {
  return (
    head.headers['set-cookie'] !== undefined ||
    facts.headers.get('authorization') !== undefined ||
    facts.clientCertificate !== undefined
  )
}

/**
 * Extensions and middleware count, because nobody here knows what they ask for. Middleware sets its cookies past the
 * head that is edited here, too: one of a session would be kept with the page, and given to whoever asks next.
 */
function asksWhoTheClientIs({ policies, hasMiddleware }: PolicyContext): boolean {
  const { allow, basicAuth, jwt, forwardAuth, extensions } = policies
  const asking = [allow, basicAuth, jwt, forwardAuth].some((options) => options !== undefined)
  return asking || extensions.length > 0 || hasMiddleware
}

interface CompiledRule {
  fits(path: string): boolean
  readonly isPublic: boolean
  readonly maxAge: number
  readonly sharedControl: string
  readonly privateControl: string
}

function compileRule(rule: Rule, index: number, paths: readonly string[]): CompiledRule {
  const prefix = segmentsOf(readPath(rule.path))
  const reachable = paths.some((path) => {
    const route = segmentsOf(path)
    const shorter = Math.min(prefix.length, route.length)
    return isPrefix(prefix.slice(0, shorter), route) || isPrefix(route.slice(0, shorter), prefix)
  })
  if (!reachable)
    throw new Error(
      `rules[${index}].path "${rule.path}" is no part of this route, which serves ${paths.join(', ')}; write the path whole`,
    )
  const extensions = rule.extensions && new Set(rule.extensions.map((extension) => extension.toLowerCase()))
  const lasting = `max-age=${Math.floor(rule.maxAge / 1000)}${rule.immutable ? ', immutable' : ''}`
  return {
    fits: (path) =>
      (extensions === undefined || extensions.has(extensionOf(path))) &&
      (prefix.length === 0 || isPrefix(prefix, segmentsOf(path))),
    isPublic: rule.visibility === 'public',
    maxAge: rule.maxAge,
    sharedControl: `public, ${lasting}`,
    privateControl: `private, ${lasting}`,
  }
}

function readPath(text: string): string {
  const path = canonicalPath(text)
  if (path === undefined) throw new Error(`"${text}" is not a path that a request could have`)
  return path
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '')
}

/** Whether the segments start with the prefix, where `:name` stands for any. */
function isPrefix(prefix: readonly string[], segments: readonly string[]): boolean {
  return (
    prefix.length <= segments.length &&
    prefix.every((part, i) => part === segments[i] || part.startsWith(':'))
  )
}

function extensionOf(path: string): string {
  const dot = path.lastIndexOf('.')
  return dot > path.lastIndexOf('/') ? path.slice(dot + 1).toLowerCase() : ''
}
