import { isIP } from 'node:net'
import { inNetworks, parseAddress, parseNetwork } from '../address.ts'
import type { CertificateFacts } from './files.ts'
import { isLoopback } from './listener-rules.ts'
import type { LoadedConfig, LoadedRoute } from './loaded.ts'
import { list } from './mend.ts'
import type { Finding, Path } from './problem.ts'
import { isAddress } from './route-rules.ts'
import { findShadowedRoutes } from './shadow.ts'

/** What lint looks at besides the configuration. */
export interface LintFacts {
  /** Of the certificates in the file; empty where a self-signed one will be made. */
  readonly certificates: readonly CertificateFacts[]
  /** Unix time in milliseconds. */
  readonly now: number
  /** How messages write a scalar: as it stands in the file, so that no value of the environment is told. */
  show(path: Path): string | undefined
}

/** What is legal and surely not meant. Pure: the same configuration and facts give the same answer. */
export function lintConfig(config: LoadedConfig, facts: LintFacts): Finding[] {
  return rules.flatMap((rule) => rule(config, facts))
}

type Rule = (config: LoadedConfig, facts: LintFacts) => Finding[]

const rules: readonly Rule[] = [
  warnOfBrokenExtensions,
  findShadowedRoutes,
  warnOfUncoveredHosts,
  warnOfExpiry,
  warnOfHiddenClients,
  warnOfWideTrust,
  warnOfOpenTunnels,
  warnOfOddPaths,
  warnOfUnusedUpstreams,
  warnOfIdleListeners,
  warnOfUnverifiedTargets,
  warnOfLimitsWithoutClaims,
  warnOfIdleForward,
  warnOfSecretsInAddresses,
]

function warnOfBrokenExtensions({ loadedExtensions }: LoadedConfig): Finding[] {
  return [...loadedExtensions.values()].flatMap((extension) =>
    'broken' in extension
      ? [
          {
            path: ['extensions', extension.name],
            message: `did not load: ${extension.broken}`,
            mend: 'mend the file; until then the routes that use it answer 503',
          },
        ]
      : [],
  )
}

function warnOfUncoveredHosts(config: LoadedConfig, { certificates, show }: LintFacts): Finding[] {
  if (certificates.length === 0) return []
  const names = new Set(certificates.flatMap((certificate) => certificate.names))
  const told = new Set<string>()
  return config.routes.flatMap((route, index) => {
    if (!route.listeners?.some((name) => config.listeners[name]?.tls)) return []
    return (route.match.host ?? []).flatMap((host, place) => {
      if (told.has(host) || isCovered(host, names)) return []
      told.add(host)
      const path = pathOfHost(index, place, show)
      const message = `${show(path) ?? 'this host'} is in none of the certificates, so browsers will refuse it`
      return [{ path, message, mend: 'get a certificate with that name, or remove the host' }]
    })
  })
}

function isCovered(host: string, names: ReadonlySet<string>): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  if (isIP(bare)) {
    const address = parseAddress(bare)?.text
    return [...names].some((name) => parseAddress(name)?.text === address)
  }
  return names.has(host) || names.has(host.replace(/^[^.]+/, '*'))
}

/** `host: a` and `host: [a]` mean the same, and stand at different places. */
function pathOfHost(route: number, place: number, show: LintFacts['show']): Path {
  const path = ['routes', route, 'match', 'host']
  return show(path) === undefined ? [...path, place] : path
}

function warnOfExpiry(_config: LoadedConfig, { certificates, now }: LintFacts): Finding[] {
  const day = 24 * 60 * 60 * 1000
  return certificates.flatMap(({ path, notAfter }) => {
    const days = Math.floor((notAfter - now) / day)
    if (days >= 14) return []
    const when = notAfter <= now ? 'ended' : `ends in ${days === 1 ? '1 day' : `${days} days`}`
    const date = new Date(notAfter).toISOString().slice(0, 10)
    return [{ path, message: `this certificate ${when}, on ${date}`, mend: 'renew it' }]
  })
}

/** Behind a proxy that is not trusted, every client has the address of that proxy. */
function warnOfHiddenClients({ listeners, trustedProxies, routes }: LoadedConfig): Finding[] {
  if (trustedProxies.length > 0) return []
  return Object.entries(listeners).flatMap(([name, listener]) => {
    if (!listener.proxyProtocol) return []
    const users = routes.filter((route) => route.listeners?.includes(name) && looksAtAddresses(route))
    const whom =
      users.length === 0 ? '' : `, and ${nameSome(users)} would judge clients by the address of the proxy`
    const message = `expects the PROXY protocol from \`trustedProxies\`, which is empty${whom}`
    const mend = 'name the networks of the proxies in front under `trustedProxies`'
    return [{ path: ['listeners', name, 'proxyProtocol'], message, mend }]
  })
}

function looksAtAddresses({ policies }: LoadedRoute): boolean {
  return policies.allow !== undefined || policies.deny !== undefined || policies.rateLimit?.by === 'client'
}

function nameSome(routes: readonly LoadedRoute[]): string {
  const names = routes.slice(0, 3).map(({ name }) => name)
  return list(routes.length > 3 ? [...names, `${routes.length - 3} more`] : names)
}

const privateNetworks = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
  '127.0.0.0/8',
  '::1',
].map(parseNetwork)

function isPrivate(text: string): boolean {
  const { ip, bits } = parseNetwork(text)
  return privateNetworks.some(
    (network) => network.bits <= bits && inNetworks({ ip, text: ip.toString() }, [network]),
  )
}

function warnOfWideTrust({ trustedProxies }: LoadedConfig, { show }: LintFacts): Finding[] {
  return trustedProxies.flatMap((text, index) => {
    const { ip, bits } = parseNetwork(text)
    if (isPrivate(text) || bits >= (ip.kind() === 'ipv4' ? 8 : 16)) return []
    const path = ['trustedProxies', index]
    const message = `${show(path)} lets strangers say who they are: whoever is in it may send any X-Forwarded-For`
    return [{ path, message, mend: 'name only the addresses of your own proxies' }]
  })
}

const deciding = ['allow', 'basicAuth', 'jwt', 'forwardAuth'] as const

/** A keyed upstream is one service per person: without a policy, whoever knows a key is that person. */
function warnOfOpenTunnels({ routes, upstreams, listeners }: LoadedConfig): Finding[] {
  return routes.flatMap((route, index) => {
    const upstream =
      route.to === undefined || isAddress(route.to) ? undefined : upstreams[route.to.split('/')[0] ?? '']
    if (!upstream?.keyed || isGuarded(route)) return []
    const certified = (route.listeners ?? []).every((name) => listeners[name]?.clientCertificates?.require)
    if (certified) return []
    const message = 'leads to a pool of its own for each key, and no policy asks who the client is'
    return [
      {
        path: ['routes', index, 'to'],
        message,
        mend: `add one of ${list(deciding, 'or')} under \`policies\``,
      },
    ]
  })
}

function isGuarded({ policies, middleware }: LoadedRoute): boolean {
  if (policies.extensions.length > 0 || middleware.length > 0) return true
  return deciding.some((name) => policies[name]?.mode === 'enforce')
}

/** In `/user:id` the colon is a letter like any other. */
function warnOfOddPaths({ routes }: LoadedConfig, { show }: LintFacts): Finding[] {
  return routes.flatMap(({ match }, index) =>
    match.path.flatMap((pattern, place) => {
      if (!/[^/]:[A-Za-z]/.test(pattern)) return []
      const whole = ['routes', index, 'match', 'path']
      const path = show(whole) === undefined ? [...whole, place] : whole
      const message = `${show(path)} has a colon inside a segment, where it stands for itself`
      return [{ path, message, mend: 'give a parameter a whole segment, such as /user/:id' }]
    }),
  )
}

function warnOfUnusedUpstreams({ routes, upstreams }: LoadedConfig): Finding[] {
  const used = new Set(routes.map(({ to }) => to?.split('/')[0]))
  return Object.keys(upstreams).flatMap((name) =>
    used.has(name)
      ? []
      : [
          {
            path: ['upstreams', name],
            message: 'is where no route goes',
            mend: `add a route with \`to: ${name}\`, or remove it`,
          },
        ],
  )
}

function warnOfIdleListeners({ routes, listeners }: LoadedConfig): Finding[] {
  const used = new Set(routes.flatMap((route) => route.listeners ?? []))
  return Object.entries(listeners).flatMap(([name, { redirect, acmeWebroot }]) => {
    if (used.has(name) || redirect !== undefined || acmeWebroot !== undefined) return []
    const mend = `add \`listeners: [${name}]\` to a route, a \`redirect\`, or remove it`
    return [{ path: ['listeners', name], message: 'has no route, so it answers everything with 404', mend }]
  })
}

function warnOfUnverifiedTargets({ upstreams }: LoadedConfig): Finding[] {
  return Object.entries(upstreams).flatMap(([name, { tls, targets, leased, networks }]) => {
    if (!tls.insecureSkipVerify) return []
    const remote = targets.some(
      (target) => target.startsWith('https:') && !isLoopback(new URL(target).hostname),
    )
    if (!remote && !(leased && networks.some((network) => !isPrivate(network)))) return []
    const message =
      'accepts any certificate from another machine, so whoever is in between can read and change everything'
    const mend = 'name the authority with `ca` instead, and the name with `servername` if it differs'
    return [{ path: ['upstreams', name, 'tls', 'insecureSkipVerify'], message, mend }]
  })
}

function warnOfLimitsWithoutClaims({ routes }: LoadedConfig): Finding[] {
  return routes.flatMap(({ policies }, index) => {
    if (!policies.rateLimit?.by.startsWith('claim:') || policies.jwt || policies.extensions.length > 0)
      return []
    const message =
      'counts by a claim, and no `jwt` policy verifies a token here, so all clients are counted as one'
    return [
      {
        path: ['routes', index, 'policies', 'rateLimit', 'by'],
        message,
        mend: 'add `jwt`, or count `by: client`',
      },
    ]
  })
}

function warnOfIdleForward({ routes }: LoadedConfig): Finding[] {
  return routes.flatMap(({ to, forward }, index) =>
    to !== undefined || (forward.prefix === 'keep' && forward.host === 'keep')
      ? []
      : [
          {
            path: ['routes', index, 'forward'],
            message: 'changes nothing, because this route has no upstream',
            mend: 'remove it',
          },
        ],
  )
}

/** An address is written to logs and error messages: a secret in it is a secret no more. */
function warnOfSecretsInAddresses({ routes }: LoadedConfig): Finding[] {
  return routes.flatMap(({ policies, redirect }, index) => {
    const base = ['routes', index]
    const addresses: [Path, string | undefined][] = [
      [[...base, 'policies', 'forwardAuth', 'url'], policies.forwardAuth?.url],
      [[...base, 'policies', 'jwt', 'jwks'], policies.jwt?.jwks],
      [[...base, 'policies', 'jwt', 'login'], policies.jwt?.login],
      [[...base, 'redirect'], redirect?.location],
    ]
    return addresses.flatMap(([path, address]) =>
      address !== undefined && looksSecret.test(address)
        ? [
            {
              path,
              message: 'seems to hold a secret, and addresses are written to logs',
              mend: 'send it in a header field',
            },
          ]
        : [],
    )
  })
}

const looksSecret =
  /^[a-z]+:\/\/[^/?#]*:[^/?#]*@|[?&](token|access_token|api_?key|secret|password|passwd|sig|signature)=[^{&]/i
