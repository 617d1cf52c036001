import type { TargetNews, ToldTarget } from './news.ts'
import { nameOf, upstreamOf } from './place.ts'

/** What a worker has been told of targets, by upstream. It outlives reloads; upstreams are made and follow it. */
export interface Directory {
  /** Takes up news. Answers false if some before it were missed: then everything must be asked for anew. */
  apply(news: TargetNews): boolean
  /** Calls at once for each target of the upstream, and again whenever one is told of or gone. Answers how to stop. */
  follow(upstream: string, follower: Follower): () => void
}

export interface Follower {
  told(name: string, target: ToldTarget): void
  gone(name: string): void
}

export function createDirectory(): Directory {
  const upstreams = new Map<string, Map<string, ToldTarget>>()
  const followers = new Map<string, Set<Follower>>()
  let sequence: number | undefined

  function put(target: ToldTarget): void {
    const name = nameOf(target)
    const known = upstreams.get(target.upstream) ?? new Map<string, ToldTarget>()
    upstreams.set(target.upstream, known.set(name, target))
    for (const follower of followers.get(target.upstream) ?? []) follower.told(name, target)
  }

  function drop(name: string): void {
    const upstream = upstreamOf(name)
    const known = upstreams.get(upstream)
    if (!known?.delete(name)) return
    if (known.size === 0) upstreams.delete(upstream)
    for (const follower of followers.get(upstream) ?? []) follower.gone(name)
  }

  return {
    apply(news) {
      if (news.whole) {
        const named = new Set(news.put.map(nameOf))
        const known = [...upstreams.values()].flatMap((targets) => [...targets.keys()])
        for (const name of known) if (!named.has(name)) drop(name)
      } else if (sequence === undefined || news.sequence <= sequence) return true
      else if (news.sequence !== sequence + 1) return false
      sequence = news.sequence
      for (const name of news.gone) drop(name)
      for (const target of news.put) put(target)
      return true
    },
    follow(upstream, follower) {
      const all = followers.get(upstream) ?? new Set()
      followers.set(upstream, all.add(follower))
      for (const [name, target] of upstreams.get(upstream) ?? []) follower.told(name, target)
      return () => {
        all.delete(follower)
        if (all.size === 0 && followers.get(upstream) === all) followers.delete(upstream)
      }
    },
  }
}
