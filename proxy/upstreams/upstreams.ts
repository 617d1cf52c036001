import { isDeepStrictEqual } from 'node:util'
import type { UpstreamConfig } from '../config/schema.ts'
import { closeWhenIdle } from './target.ts'
import { createUpstream, type Upstream, type UpstreamSurroundings } from './upstream.ts'

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
  around: UpstreamSurroundings,
  previous?: Upstreams,
): Upstreams {
  const byName = new Map<string, Upstream>()
  for (const [name, config] of Object.entries(configs)) {
    const before = previous?.get(name)
    byName.set(
      name,
      before && isDeepStrictEqual(before.config, config) ? before : createUpstream(name, config, around),
    )
  }
  return {
    get: (name) => byName.get(name),
    all: () => byName.values(),
    async closeExcept(next) {
      const gone = [...byName.values()].filter((upstream) => next?.get(upstream.name) !== upstream)
      await Promise.all(gone.map(closeIdle))
    },
  }
}

/** Exchanges in flight end on the table they began with, so their connections outlive the reload. */
async function closeIdle(upstream: Upstream): Promise<void> {
  await Promise.all([...upstream.all()].map(closeWhenIdle))
  upstream.close()
}
