import { inNetworks, parseNetwork } from '../address.ts'
import type { LintFacts } from './lint-facts.ts'
import { isLoopback } from './listener-rules.ts'
import type { LoadedConfig, LoadedRoute } from './loaded.ts'
import { list } from './mend.ts'
import type { Finding, Path } from './problem.ts'
import { isAddress } from './route-rules.ts'

/** Doors that stand open: clients, proxies and targets that are believed more than was surely meant. */

/** Behind a proxy that is not trusted, every client has the address of that proxy. */
export function warnOfHiddenClients({ listeners, trustedProxies, routes }: LoadedConfig): Finding[] {
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

export function warnOfWideTrust({ trustedProxies }: LoadedConfig, { show }: LintFacts): Finding[] {
  return trustedProxies.flatMap((text, index) => {
    const { ip, bits } = parseNetwork(text)
    if (isPrivate(text) || bits >= (ip.kind() === 'ipv4' ? 8 : 16)) return []
    const path = ['trustedProxies', index]
    const message = `${show(path)} lets strangers say who they are: whoever is in it may send any X-Forwarded-For`
    return [{ path, message, mend: 'name only the addresses of your own proxies' }]
  })
}

/** A keyed upstream is one service per person: without a policy, whoever knows a key is that person. */
export function warnOfOpenTunnels({ routes, upstreams, listeners }: LoadedConfig): Finding[] {
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

export function warnOfUnverifiedTargets({ upstreams }: LoadedConfig): Finding[] {
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

export function warnOfLimitsWithoutClaims({ routes }: LoadedConfig): Finding[] {
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

/** An address is written to logs and error messages: a secret in it is a secret no more. */
export function warnOfSecretsInAddresses({ routes }: LoadedConfig): Finding[] {
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

const deciding = ['allow', 'basicAuth', 'jwt', 'forwardAuth'] as const

function isGuarded({ policies, middleware }: LoadedRoute): boolean {
  if (policies.extensions.length > 0 || middleware.length > 0) return true
  return deciding.some((name) => policies[name]?.mode === 'enforce')
}

const looksSecret =
  /^[a-z]+:\/\/[^/?#]*:[^/?#]*@|[?&](token|access_token|api_?key|secret|password|passwd|sig|signature)=[^{&]/i
