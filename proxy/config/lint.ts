import { warnOfExpiry, warnOfUncoveredHosts } from './lint-certificates.ts'
import { warnOfHiddenChallenges } from './lint-challenges.ts'
import type { LintFacts, LintRule } from './lint-facts.ts'
import {
  warnOfHiddenClients,
  warnOfLimitsWithoutClaims,
  warnOfOpenTunnels,
  warnOfSecretsInAddresses,
  warnOfUnverifiedTargets,
  warnOfWideTrust,
} from './lint-trust.ts'
import type { LoadedConfig } from './loaded.ts'
import type { Finding } from './problem.ts'
import { findShadowedRoutes } from './shadow.ts'

/** What is legal and surely not meant. Pure: the same configuration and facts give the same answer. */
export function lintConfig(config: LoadedConfig, facts: LintFacts): Finding[] {
  return rules.flatMap((rule) => rule(config, facts))
}

const rules: readonly LintRule[] = [
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
  warnOfHiddenChallenges,
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
  const used = new Set(routes.flatMap(({ to }) => [to, to?.split('/')[0]]))
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
