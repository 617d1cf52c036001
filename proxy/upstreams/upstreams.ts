import { isDeepStrictEqual } from 'node:util'
import type { UpstreamConfig } from '../config/schema.ts'
import { createUpstream, type Upstream } from './upstream.ts'

/** Every upstream of a configuration, by name. */
export interface Upstreams {
  get(name: string): Upstream | undefined
  all(): Iterable<Upstream>
  /** Ends those that the next configuration did not take over, once their exchanges have ended. */
  closeExcept(next?: Upstreams): Promise<void>
}

/**
 * Builds the upstreams of a configuration. One that is unchanged since `previous` is taken over with its
 * connections and what is known of its targets, so that a reload costs no connection.
 */
export function createUpstreams(
  configs: Readonly<Record<string, UpstreamConfig>>,
  folder: string,
  previous?: Upstreams,
): Upstreams {
  const byName = new Map<string, Upstream>()
  for (const [name, config] of Object.entries(configs)) {
    const before = previous?.get(name)
    byName.set(
      name,
      before && isDeepStrictEqual(before.config, config) ? before : createUpstream(name, config, folder),
    )
  }
  return {
    get: (name) => byName.get(name),
    all: () => byName.values(),
    async closeExcept(next) {
      const gone = [...byName.values()].filter((upstream) => next?.get(upstream.name) !== upstream)
      await Promise.all(gone.map(closeWhenIdle))
    },
  }
}

/** Exchanges in flight end on the table they began with, so their connections outlive the reload. */
async function closeWhenIdle(upstream: Upstream): Promise<void> {
  while (upstream.targets().some((target) => target.inFlight > 0)) {
    await new Promise((resolve) => setTimeout(resolve, 250).unref())
  }
  upstream.close()
}
