import type { Logger } from '../shared/logger.ts'
import type { Audit } from './audit.ts'
import type { Desktop, Desktops } from './desktops.ts'
import type { DockerHost, Found } from './docker/docker-host.ts'
import type { DockerHosts } from './docker/docker-hosts.ts'
import { readTrouble } from './docker/trouble.ts'
import type { Leases } from './leases.ts'
import { orphansRemoved } from './metrics.ts'

export interface ReconcileSettings {
  readonly desktops: Desktops
  readonly hosts: DockerHosts
  readonly leases: Leases
  readonly audit: Audit
  readonly instance: string
  /** Milliseconds between two looks at everything. */
  readonly lookEvery: number
  readonly log: Logger
  converge(id: string): Promise<void>
  /** Called with each look, before the rest. */
  lookAtIdle(): Promise<void>
}

export interface Reconcile {
  /** Something was asked for, or has happened, with this desktop. */
  poke(id: string): void
  /** Looks at everything now. */
  look(): Promise<void>
  /** Docker hosts that did not answer when they were looked at last. */
  away(): ReadonlySet<string>
  stop(): void
}

/** Desktops that are worked on at one time; Docker itself does not get faster by more. */
const mostAtOnce = 6
const watchAgain = 2_000

/** Compares the table with the world, again and again, and has every difference seen to. One desktop at a time each. */
export function createReconcile(settings: ReconcileSettings): Reconcile {
  const { desktops, hosts, leases, audit, instance, lookEvery, log, converge, lookAtIdle } = settings
  const running = new Set<string>()
  const again = new Set<string>()
  const line: string[] = []
  let stopped = false
  let looking: Promise<void> | undefined
  const timer = setInterval(() => void look(), lookEvery)
  const unwatch = hosts.all.map(watch)

  function poke(id: string): void {
    if (stopped) return
    if (running.has(id)) return void again.add(id)
    if (!line.includes(id)) line.push(id)
    work()
  }

  function work(): void {
    while (running.size < mostAtOnce) {
      const id = line.shift()
      if (id === undefined) return
      running.add(id)
      converge(id)
        .catch((error) => {
          // The database is away: the next look finds what was left.
          if (!stopped) log.warn('a desktop could not be seen to', { id, reason: (error as Error).message })
        })
        .finally(() => {
          running.delete(id)
          if (again.delete(id)) poke(id)
          work()
        })
    }
  }

  function watch(host: DockerHost): () => void {
    let stop = () => {}
    const begin = (): void => {
      if (stopped) return
      stop = host.watch(poke, () => {
        // Docker restarts: what ran before may not run any more.
        setTimeout(() => {
          begin()
          void look()
        }, watchAgain).unref()
      })
    }
    begin()
    return () => stop()
  }

  const away = new Set<string>()

  function look(): Promise<void> {
    looking ??= lookOnce()
      .catch((error) => {
        if (!stopped) log.warn('nobody could look after the desktops', { reason: (error as Error).message })
      })
      .finally(() => {
        looking = undefined
      })
    return looking
  }

  async function lookOnce(): Promise<void> {
    if (stopped) return
    await lookAtIdle()
    // Containers before rows: a row stands before its container, so whose container has none now has none any more.
    const found = new Map<string, Found[] | undefined>()
    for (const host of hosts.all) found.set(host.name, await seen(host))
    const rows = await desktops.all()
    for (const row of rows) if (needsWork(row, found)) poke(row.id)
    const known = new Set(rows.map(({ id }) => id))
    for (const host of hosts.all)
      for (const each of found.get(host.name) ?? [])
        if (each.instance === instance && !known.has(each.desktop)) await removeOrphan(host, each)
  }

  /** What cannot be seen is left as it is: it may well be running. That a host is away is told once. */
  async function seen(host: DockerHost): Promise<Found[] | undefined> {
    try {
      const found = await host.list()
      if (away.delete(host.name)) log.info('a Docker host answers again', { host: host.name })
      return found
    } catch (error) {
      if (!away.has(host.name))
        log.warn('a Docker host does not answer', { host: host.name, reason: readTrouble(error).sentence })
      away.add(host.name)
      return undefined
    }
  }

  function needsWork(row: Desktop, found: ReadonlyMap<string, Found[] | undefined>): boolean {
    if (row.retryAt !== null && row.retryAt.getTime() > Date.now()) return false
    const own = found
      .get(row.host ?? '')
      ?.filter((each) => each.instance === instance && each.desktop === row.id)
    if (row.wanted === 'deleted') return true
    if (row.wanted === 'stopped')
      return !['stopped', 'failed'].includes(row.status) || (own?.length ?? 0) > 0 || row.hostPort !== null
    if (row.status !== 'running' || !leases.isOpen(row.key)) return true
    if (row.host !== null && own === undefined) return false
    return own?.length !== 1 || !own[0]?.isRunning
  }

  async function removeOrphan(host: DockerHost, { id, name, key }: Found): Promise<void> {
    await host.remove(id)
    orphansRemoved.add({})
    log.warn('a container that no desktop belongs to was removed', { host: host.name, name })
    await audit.write('the service', 'orphan removed', key, `${name} on ${host.name}`)
  }

  return {
    poke,
    look,
    away: () => away,
    stop() {
      stopped = true
      clearInterval(timer)
      for (const each of unwatch) each()
    },
  }
}
