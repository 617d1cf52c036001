import type { Catalogue } from '../catalogue.ts'
import { type DockerHost, openDockerHost } from './docker-host.ts'
import type { Trouble } from './trouble.ts'

/** All Docker hosts, by name. */
export interface DockerHosts {
  readonly all: readonly DockerHost[]
  get(name: string | null): DockerHost | undefined
  /** The one that answers and has the fewest desktops. Undefined if none answers. */
  choose(desktops: ReadonlyMap<string, number>): Promise<DockerHost | undefined>
  /** What is wrong with each that does not answer. */
  troubles(): Promise<{ host: string; where: string; trouble: Trouble }[]>
}

export function openDockerHosts({ hosts, folder }: Catalogue, instance: string): DockerHosts {
  const byName = new Map(
    [...hosts].map(([name, place]) => [name, openDockerHost({ name, place, folder, instance })]),
  )
  const all = [...byName.values()]
  return {
    all,
    get: (name) => byName.get(name ?? ''),
    async choose(desktops) {
      const byLoad = all.toSorted((a, b) => (desktops.get(a.name) ?? 0) - (desktops.get(b.name) ?? 0))
      for (const host of byLoad) if ((await host.findTrouble()) === undefined) return host
      return undefined
    },
    async troubles() {
      const found = await Promise.all(
        all.map(async (host) => ({ host: host.name, where: host.where, trouble: await host.findTrouble() })),
      )
      return found.filter((each): each is typeof each & { trouble: Trouble } => each.trouble !== undefined)
    },
  }
}
