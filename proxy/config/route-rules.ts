import type { Draft } from './draft.ts'
import type { ReadExtension } from './extensions.ts'
import { mendName } from './listener-rules.ts'
import { paramsOf, targetAddress } from './patterns.ts'
import type { CheckedPolicies } from './policies.ts'
import type { PolicyOptions } from './policy-schemas.ts'
import type { Finding, Path } from './problem.ts'
import type { RouteConfig } from './route-schema.ts'
import { say, valueAt } from './sentences.ts'
import type { Source } from './source.ts'

/** What the routes name elsewhere in the file: listeners, upstreams, extensions, and parameters of their own paths. */
export interface RouteNames {
  readonly draft: Draft
  readonly extensions: ReadonlyMap<string, ReadExtension>
  readonly source: Source
}

export function checkRouteNames(names: RouteNames): Finding[] {
  const { draft, source } = names
  const lines = new Map<string, number>()
  return draft.routes.flatMap((route, index) => {
    const path: Path = ['routes', index]
    const findings = [
      ...checkListenerNames(route, path, names),
      ...checkDestination(route, path, names),
      ...checkMiddlewareNames(route, path, names),
    ]
    if (route.name === undefined) return findings
    const before = lines.get(route.name)
    if (before === undefined) lines.set(route.name, source.place([...path, 'name']).line)
    else {
      const at = [...path, 'name']
      const predicate = `is the name of the route on line ${before} already; give each a name of its own`
      findings.push({ path: at, ...say(source, at, predicate) })
    }
    return findings
  })
}

/** `require: { desktop: ":key" }` compares a claim with a part of the path, which every path must then have. */
export function checkRequiredParams(
  route: Partial<RouteConfig>,
  policies: CheckedPolicies,
  source: Source,
): Finding[] {
  const jwt = policies.get('jwt')
  if (jwt === undefined || jwt === 'off' || route.match === undefined) return []
  const { require } = jwt.options as PolicyOptions<'jwt'>
  return Object.entries(require).flatMap(([claim, value]) => {
    if (typeof value !== 'string' || !value.startsWith(':')) return []
    const path = [...jwt.path, 'require', claim]
    return checkParam({ path, param: value.slice(1) }, route.match as RouteConfig['match'], source)
  })
}

function checkParam(
  { path, param }: { path: Path; param: string },
  match: RouteConfig['match'],
  source: Source,
): Finding[] {
  const lacking = match.path.findIndex((pattern) => !paramsOf(pattern).includes(param))
  if (lacking === -1) return []
  const params = [...new Set(match.path.flatMap(paramsOf))].map((name) => `:${name}`)
  const mend = params.includes(`:${param}`)
    ? 'add it to each of them'
    : (mendName(source, path, `:${param}`, params) ??
      'name the segment in `match.path`, such as /desktop/:key')
  const whose = match.path.length > 1 ? 'one of the paths' : 'the path'
  return [{ path, ...say(source, path, `names a parameter that ${whose} of this route lacks`), mend }]
}

function checkListenerNames(
  route: Partial<RouteConfig>,
  base: Path,
  { draft, source }: RouteNames,
): Finding[] {
  return (route.listeners ?? []).flatMap((name, index) => {
    if (Object.hasOwn(draft.listeners, name) || !isNaming(source, 'listeners')) return []
    const path = [...base, 'listeners', index]
    const mend = mendName(source, path, name, Object.keys(draft.listeners))
    return [{ path, ...say(source, path, 'is not a listener'), mend }]
  })
}

function checkMiddlewareNames(
  route: Partial<RouteConfig>,
  base: Path,
  { extensions, source }: RouteNames,
): Finding[] {
  return (route.middleware ?? []).flatMap(({ use }, index) => {
    const path = [...base, 'middleware', index, 'use']
    const extension = extensions.get(use)?.extension
    if (extension === undefined)
      return [
        {
          path,
          ...say(source, path, 'is not an extension'),
          mend: mendName(source, path, use, [...extensions.keys()]),
        },
      ]
    if ('kind' in extension && extension.kind === 'policy')
      return [{ path, ...say(source, path, 'is a policy and no middleware; write it under `policies`') }]
    return []
  })
}

function checkDestination(route: Partial<RouteConfig>, base: Path, { draft, source }: RouteNames): Finding[] {
  const { to, match } = route
  if (to === undefined) return []
  const path = [...base, 'to']
  const refuse = (predicate: string): Finding[] => [{ path, ...say(source, path, predicate) }]
  if (isAddress(to)) {
    const fault = targetAddress.safeParse(to).error?.issues[0]?.message
    if (fault === undefined) return []
    // The suggestion tells the address.
    return refuse(source.isFromEnvironment(path) ? fault.replace(/; .*$/s, '') : fault)
  }
  const [name = '', key, ...rest] = to.split('/')
  if (rest.length > 0 || (key !== undefined && !/^:[A-Za-z][A-Za-z0-9_]*$/.test(key)))
    return refuse('is neither an upstream, nor one with a key; write name or name/:param')
  if (!Object.hasOwn(draft.upstreams, name)) {
    if (!isNaming(source, 'upstreams')) return []
    const known = Object.keys(draft.upstreams)
    return [{ path, ...say(source, path, 'names no upstream'), mend: mendName(source, path, name, known) }]
  }
  const upstream = draft.upstreams[name]
  if (upstream === undefined) return []
  if (upstream.keyed && key === undefined)
    return refuse(`leads to an upstream with one pool per key; say which, such as ${name}/:key`)
  if (!upstream.keyed && key !== undefined)
    return refuse(
      `has a key, and the upstream is not keyed; write ${name}, or add \`keyed: true\` to upstreams.${name}`,
    )
  return key !== undefined && match !== undefined
    ? checkParam({ path, param: key.slice(1) }, match, source)
    : []
}

/** Whether that part of the file is a block of names at all; if it is not, that alone is the mistake. */
function isNaming(source: Source, part: string): boolean {
  const value = valueAt(source.value, [part])
  return value === undefined || (typeof value === 'object' && value !== null && !Array.isArray(value))
}

/** Whether `to` is an address of its own rather than the name of an upstream. */
export function isAddress(to: string): boolean {
  return /^([A-Za-z0-9+_.-]+:[/\d]|unix:)/.test(to)
}
