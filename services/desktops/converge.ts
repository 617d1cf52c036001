import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '../shared/logger.ts'
import type { Kind } from './catalogue.ts'
import type { Desktop, Desktops } from './desktops.ts'
import type { DockerHost, Found } from './docker/docker-host.ts'
import type { DockerHosts } from './docker/docker-hosts.ts'
import { readTrouble, type Trouble } from './docker/trouble.ts'
import type { Leases } from './leases.ts'
import { type FailureReason, failures } from './metrics.ts'
import { markOf, passwordOf } from './password.ts'
import { answers, credentialOf } from './probe.ts'
import { createStartTimes } from './start-times.ts'

export interface ConvergeSettings {
  readonly desktops: Desktops
  readonly hosts: DockerHosts
  readonly kinds: ReadonlyMap<string, Kind>
  readonly leases: Leases
  readonly instance: string
  readonly key: string
  readonly ports: { readonly first: number; readonly last: number }
  /** Milliseconds that a desktop may take until its page answers. */
  readonly patience: number
  readonly log: Logger
}

/** Milliseconds. Somebody watches while a desktop starts, so its page is asked often. */
const probeEvery = 100
const lookEvery = 1_000
/** A desktop that ends sooner than this, so many times in a row, will not do better the next time. */
const shortLife = 60_000
const mostFailures = 3
const [firstPause, longestPause] = [1_000, 60_000]
/** Ports that other programs hold are tried one after the other, so many times. */
const mostPorts = 20

/**
 * Brings the world to what the row of a desktop says, from wherever it is. It asks what is there before it does
 * anything and does nothing twice, so it may be broken off after any step, by a crash or by Docker, and begun again.
 * A row stands before its container, and goes after it: no container is ever nobody's.
 */
export function createConverge(settings: ConvergeSettings) {
  const { desktops, hosts, kinds, leases, instance, key, ports, patience, log } = settings
  /** Ports that somebody else holds, by host, and until when that is believed. */
  const taken = new Map<string, Map<number, number>>()
  const startTimes = createStartTimes()

  return async function converge(id: string): Promise<void> {
    const desktop = await desktops.byId(id)
    if (desktop === undefined) return startTimes.forget(id)
    startTimes.note(desktop)
    if (desktop.retryAt !== null && desktop.retryAt.getTime() > Date.now()) return
    try {
      if (desktop.wanted === 'running') await bringUp(desktop)
      else if (desktop.wanted === 'stopped') await bringDown(desktop)
      else await remove(desktop)
    } catch (error) {
      await putOff(desktop, error)
    }
  }

  // --- up ---

  async function bringUp(desktop: Desktop): Promise<void> {
    const kind = kinds.get(desktop.type)
    if (kind === undefined) return refuse(desktop, 'Desktops of this kind are not offered any more.')
    const host = desktop.host === null ? await choose() : hosts.get(desktop.host)
    if (host === undefined && desktop.host !== null)
      return refuse(desktop, `Its Docker host ${desktop.host} is not in the catalogue any more.`)
    if (host === undefined)
      return putOffFor(desktop, 'no_host', 'No Docker host answers. It is tried again on its own.')
    // Its volumes lie there, so it comes back to this one.
    if (desktop.host === null) await desktops.place(desktop.id, host.name)

    const found = await containersOf(desktop, host)
    const good = found.find((each) => isGood(desktop, each))
    // Nobody is sent to what is not there, or is no more what it was.
    if (good === undefined) await leases.wait(desktop.key)
    for (const other of found) if (other !== good && !(await putAway(desktop, host, other))) return
    if (good !== undefined && good.hostPort !== undefined)
      return makeReady(desktop, kind, host, good.hostPort)
    const port = await create(desktop, kind, host)
    if (port !== undefined) await makeReady({ ...desktop, status: 'starting' }, kind, host, port)
  }

  async function choose(): Promise<DockerHost | undefined> {
    const load = new Map<string, number>()
    for (const { host, wanted } of await desktops.all())
      if (host !== null && wanted === 'running') load.set(host, (load.get(host) ?? 0) + 1)
    return hosts.choose(load)
  }

  function isGood(desktop: Desktop, found: Found): boolean {
    return found.isRunning && found.mark === markOf(desktop, key) && found.hostPort === desktop.hostPort
  }

  /** Removes a container that is not the one. False: it ended of itself so often that nothing more is tried. */
  async function putAway(desktop: Desktop, host: DockerHost, found: Found): Promise<boolean> {
    const ended = found.isRunning ? undefined : await host.lastWords(found.id)
    await host.remove(found.id)
    const isOwn = found.mark === markOf(desktop, key)
    if (ended === undefined || !isOwn || !(ended.ranFor > 0 && ended.ranFor < shortLife)) return true
    const words = ended.words === '' ? '' : ` It said: ${ended.words}`
    const reason = `It ended ${Math.round(ended.ranFor / 1000)} s after it was started (code ${ended.exitCode}).${words}`
    if (desktop.failures + 1 >= mostFailures) {
      await giveUp(desktop, 'ended', reason)
      return false
    }
    await putOffFor(desktop, 'ended', reason, true)
    return false
  }

  /** Answers its port; undefined if there is nothing more to do. */
  async function create(desktop: Desktop, kind: Kind, host: DockerHost): Promise<number | undefined> {
    let name = desktop.containerName
    const password = passwordOf(desktop, key)
    for (let attempt = 0; attempt < mostPorts; attempt++) {
      const hostPort = await desktops.reservePort(desktop.id, host.name, { ...ports, taken: takenOn(host) })
      if (hostPort === undefined) {
        await putOffFor(desktop, 'no_port', 'All ports for desktops are taken. It is tried again on its own.')
        return undefined
      }
      await desktops.step(desktop.id, 'creating')
      let container: string | undefined
      try {
        container = await host.create(
          {
            name,
            kind,
            hostPort,
            password,
            volumes: volumesOf(desktop, kind),
            desktop: desktop.id,
            key: desktop.key,
            mark: markOf(desktop, key),
          },
          () => desktops.step(desktop.id, 'pulling'),
        )
        await desktops.created(desktop.id, container)
        await host.start(container)
        return hostPort
      } catch (error) {
        const { kind: what } = readTrouble(error, kind.image)
        if (what !== 'name taken' && what !== 'port taken') throw error
        if (container !== undefined) await host.remove(container)
        if (what === 'port taken') setTaken(host, hostPort)
        else {
          name = `desktop-${desktop.key}-${desktop.id.slice(0, 8)}${attempt === 0 ? '' : `-${attempt}`}`
          await desktops.rename(desktop.id, name)
        }
      }
    }
    await putOffFor(desktop, 'no_port', 'No port for it could be found. It is tried again on its own.')
    return undefined
  }

  /** Opens the door once the page answers. */
  async function makeReady(desktop: Desktop, kind: Kind, host: DockerHost, port: number): Promise<void> {
    const url = `${kind.scheme}://${host.address}:${port}`
    const headers = credentialOf(kind, passwordOf(desktop, key))
    if (desktop.status === 'running') return leases.open(desktop.key, url, headers)
    await desktops.step(desktop.id, 'booting')
    const until = Date.now() + patience
    let lookAt = Date.now() + lookEvery
    while (!(await answers(url + kind.health, headers))) {
      if (Date.now() > until) {
        for (const each of await containersOf(desktop, host)) await host.remove(each.id)
        return giveUp(
          desktop,
          'silent',
          `Its page did not answer within ${patience / 1000} s after it was started.`,
        )
      }
      if (Date.now() > lookAt) {
        // Its user may have thought better of it, or it has ended already.
        if (!(await isStillWanted(desktop))) return
        if (!(await containersOf(desktop, host)).some((each) => isGood({ ...desktop, hostPort: port }, each)))
          return bringUp({ ...desktop, hostPort: port, host: host.name })
        lookAt = Date.now() + lookEvery
      }
      await pause(probeEvery)
    }
    if (!(await isStillWanted(desktop))) return
    await leases.open(desktop.key, url, headers)
    await desktops.running(desktop.id)
    startTimes.end(desktop)
    log.info('a desktop runs', { key: desktop.key, host: host.name, port })
  }

  async function isStillWanted({ id, generation }: Desktop): Promise<boolean> {
    const now = await desktops.byId(id)
    return now?.wanted === 'running' && now.generation === generation
  }

  // --- down ---

  async function bringDown(desktop: Desktop): Promise<void> {
    await leases.wait(desktop.key)
    await removeContainers(desktop)
    await desktops.stopped(desktop.id)
  }

  async function remove(desktop: Desktop): Promise<void> {
    await leases.close(desktop.key)
    await removeContainers(desktop)
    const kind = kinds.get(desktop.type)
    if (!desktop.keepFiles && kind !== undefined)
      await hosts.get(desktop.host)?.removeVolumes(volumesOf(desktop, kind))
    await desktops.remove(desktop.id)
  }

  async function removeContainers(desktop: Desktop): Promise<void> {
    const host = hosts.get(desktop.host)
    if (host === undefined) return
    for (const found of await containersOf(desktop, host)) await host.remove(found.id)
  }

  // --- trouble ---

  async function putOff(desktop: Desktop, error: unknown): Promise<void> {
    const { kind, sentence } = readTrouble(error, desktop.image)
    // The next attempt sees that it is gone, and makes another.
    if (kind === 'gone') return wait(desktop, sentence)
    log.warn('a desktop is not as it should be', {
      key: desktop.key,
      wanted: desktop.wanted,
      reason: sentence,
      error,
    })
    if (kind === 'away') return putOffFor(desktop, 'away', sentence)
    if (desktop.wanted === 'running' && (kind === 'image missing' || desktop.failures + 1 >= mostFailures))
      return giveUp(desktop, reasonOf(kind), sentence)
    await putOffFor(desktop, reasonOf(kind), sentence, true)
  }

  function putOffFor(desktop: Desktop, why: FailureReason, reason: string, counts = false): Promise<void> {
    failures.add({ reason: why })
    return wait(desktop, reason, counts)
  }

  function wait(desktop: Desktop, reason: string, counts = false): Promise<void> {
    const length = Math.min(longestPause, firstPause * 2 ** desktop.failures)
    return desktops.waits(desktop.id, reason, length, counts)
  }

  /** There is nothing of it that would have to be taken away. */
  function refuse({ id }: Desktop, reason: string): Promise<void> {
    failures.add({ reason: 'not_offered' })
    return desktops.givenUp(id, reason)
  }

  async function giveUp(desktop: Desktop, why: FailureReason, reason: string): Promise<void> {
    failures.add({ reason: why })
    log.warn('a desktop was given up', { key: desktop.key, reason })
    await desktops.givenUp(desktop.id, reason)
    await bringDown(desktop)
  }

  // --- what is there ---

  async function containersOf({ id }: Desktop, host: DockerHost): Promise<Found[]> {
    return (await host.list()).filter((found) => found.instance === instance && found.desktop === id)
  }

  /** Named for the desktop, not for the container: the next one finds the files again. */
  function volumesOf(desktop: Desktop, kind: Kind): string[] {
    return kind.volumes.map((_, index) => `gatehouse-${instance.slice(0, 8)}-${desktop.key}-${index}`)
  }

  function takenOn({ name }: DockerHost): number[] {
    const now = Date.now()
    return [...(taken.get(name) ?? [])].flatMap(([port, until]) => (until > now ? [port] : []))
  }

  function setTaken({ name }: DockerHost, port: number): void {
    const known = taken.get(name) ?? new Map<number, number>()
    taken.set(name, known.set(port, Date.now() + 600_000))
  }
}

// --- internal ---

function reasonOf(kind: Trouble['kind']): FailureReason {
  if (kind === 'image missing') return 'image_missing'
  return kind === 'disk full' ? 'disk_full' : 'other'
}
