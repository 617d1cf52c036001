import { type Host, leaveOut, proxyTo } from './apache-sections.ts'
import type { Entry } from './apache-syntax.ts'
import { closedUntilDecided, closePath, closeRoute } from './guards.ts'
import { isOfDotFiles, prefixesOf } from './prefix-pattern.ts'

/** Redirects and rewrites of Apache: what leads elsewhere, and what is kept from everybody. */

/** Whether a host sends whatever it is asked for to TLS. */
export function leadsToHttps(block: readonly Entry[], hosts: readonly string[]): boolean {
  return block.some(({ name, args }) => {
    const [from, to] = /^RewriteRule$/i.test(name) ? args : args.slice(-2)
    if (!/^(Redirect(Permanent|Match|Temp)?|RewriteRule)$/i.test(name)) return false
    const isAll = /^(\/|\^|\^\/?|\(\.\*\)|\^\/?\(\.\*\)\$?|\^\.\*\$?|\.\*)$/.test(from ?? '')
    const [, host = ''] = /^https:\/\/([^/]+?)(?:\/|%\{REQUEST_URI\}|\$1|\/\$1)*$/.exec(to ?? '') ?? []
    if (!isAll || host === '') return false
    return (
      /^%\{(HTTP_HOST|SERVER_NAME)\}$/.test(host) ||
      (hosts.length > 0 && hosts.every((other) => other === host))
    )
  })
}

/** `RewriteRule ^/app/(.*)$ http://127.0.0.1:3000/$1 [P]` is a ProxyPass by another spelling. Answers which are. */
export function readPassed(block: readonly Entry[], host: Host): ReadonlySet<Entry> {
  const passed = new Set<Entry>()
  for (const { rule, conditions } of rulesOf(block)) {
    const [pattern = '', target = ''] = rule.args
    const [path, ...others] = prefixesOf(pattern) ?? []
    const base = /^(https?:\/\/[^$%]+?)\/?\$1$/.exec(target)?.[1]
    const isPassed = flagsOf(rule).some((flag) => /^(P|proxy)$/i.test(flag))
    if (!isPassed || conditions.length > 0 || path === undefined || others.length > 0 || base === undefined)
      continue
    proxyTo(host.add(path, rule.line), base, [], host)
    passed.add(rule)
  }
  return passed
}

/** Redirects and what else is rewritten, after all that opens a route again has been read. */
export function readRewrites(block: readonly Entry[], passed: ReadonlySet<Entry>, host: Host): void {
  for (const { rule, conditions } of rulesOf(block)) if (!passed.has(rule)) rewrite(rule, conditions, host)
  for (const entry of block) if (/^Redirect/i.test(entry.name)) redirect(entry, host)
}

// --- internal ---

/** Conditions under which nobody comes who would not come without them. */
const harmless =
  /^%\{(HTTPS|SERVER_PORT|SERVER_NAME|HTTP_HOST|REQUEST_SCHEME|REQUEST_FILENAME|HTTP:Upgrade|HTTP:Connection|HTTP_UPGRADE|REQUEST_METHOD)\}$|^%\{DOCUMENT_ROOT\}/i

/** Each rule with the conditions that stand before it. */
function rulesOf(block: readonly Entry[]): { rule: Entry; conditions: readonly Entry[] }[] {
  let conditions: Entry[] = []
  return block.flatMap((entry) => {
    if (/^RewriteCond$/i.test(entry.name)) conditions.push(entry)
    if (!/^RewriteRule$/i.test(entry.name)) return []
    const found = { rule: entry, conditions }
    conditions = []
    return [found]
  })
}

function flagsOf({ args }: Entry): string[] {
  return (args[2] ?? '').replace(/^\[|\]$/g, '').split(',')
}

function rewrite(entry: Entry, conditions: readonly Entry[], host: Host): void {
  if (flagsOf(entry).some((flag) => /^(F|forbidden|G|gone|R=[45]\d\d)$/i.test(flag)))
    return closePattern(entry, entry.args[0] ?? '', host)
  if (conditions.every(({ args }) => harmless.test(args[0] ?? '')))
    return leaveOut(host, entry, 'a path is rewritten by its prefix here (`forward.prefix`), or redirected')
  for (const route of host.routes) closeRoute(route)
  leaveOut(host, entry, `under which conditions it leads elsewhere is not read: ${closedUntilDecided}`)
}

function redirect(entry: Entry, host: Host): void {
  const { name, args, line } = entry
  const isPattern = /match/i.test(name)
  const named: Record<string, number> = { permanent: 301, temp: 302, seeother: 303, gone: 410 }
  const first = (args[0] ?? '').toLowerCase()
  const status = named[first] ?? (/^\d{3}$/.test(first) ? Number(first) : /permanent/i.test(name) ? 301 : 302)
  const [from, to] = first in named || /^\d{3}$/.test(first) ? args.slice(1) : args
  if (from === undefined) return leaveOut(host, entry, 'it leads nowhere')
  if (status >= 400) {
    if (isPattern) closePattern(entry, from, host)
    else closePath(host.routes, host.place(from, line))
    return
  }
  if (isPattern || to === undefined) return leaveOut(host, entry, 'a path is a prefix here, not a pattern')
  // What follows the path goes along (mod_alias), which a redirect here says by itself.
  host.add(from, line).redirect = { location: to, status }
}

/** What a pattern keeps from everybody is closed as far as it can be said, and otherwise all is. */
function closePattern(entry: Entry, pattern: string, host: Host): void {
  const paths = prefixesOf(pattern)
  if (paths !== undefined) {
    for (const path of paths) closePath(host.routes, host.place(path, entry.line))
    return
  }
  const routes = host.routes.filter(({ files }) => !(files !== undefined && isOfDotFiles(pattern)))
  for (const route of routes) closeRoute(route)
  const why = 'a path is a prefix here, not a pattern'
  leaveOut(host, entry, routes.length === 0 ? why : `${why}, and this one guards: ${closedUntilDecided}`)
}
