import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import Docker from 'dockerode'
import type { HostPlace } from '../catalogue.ts'
import { type ContainerFacts, containerSpec } from './container-spec.ts'
import { readTrouble, type Trouble } from './trouble.ts'

/** A container of ours as Docker tells of it. */
export interface Found {
  readonly id: string
  readonly name: string
  /** Of the desktop that it is. */
  readonly desktop: string
  readonly instance: string
  readonly key: string
  readonly isRunning: boolean
  readonly image: string
  readonly hostPort: number | undefined
  /** By which it can be told that its password is of another key. */
  readonly mark: string
  readonly createdAt: Date
}

export interface Usage {
  /** Of all cores; 1 is one of them. */
  readonly cpus: number
  /** Bytes. */
  readonly memory: number
  readonly memoryLimit: number
}

export interface DockerHostSettings {
  readonly name: string
  readonly place: HostPlace
  readonly folder: string
  /** Of the service: what it made carries it. */
  readonly instance: string
}

const label = {
  instance: 'gatehouse.desktops',
  host: 'gatehouse.host',
  desktop: 'gatehouse.desktop',
  key: 'gatehouse.key',
  mark: 'gatehouse.mark',
} as const

/** Milliseconds that Docker may take to answer. Stopping takes as long as the desktop is given, and pulling has no limit. */
const answerLimit = 60_000
/** Somebody looks at a page while it is asked whether it is there at all. */
const lifeLimit = 3_000
const stopSeconds = 5

/** One Docker engine, by its socket or over TLS. Every call rejects with the error of dockerode; see `readTrouble`. */
export function openDockerHost({ name, place, folder, instance }: DockerHostSettings) {
  const options = optionsOf(place, folder)
  const docker = new Docker({ ...options, timeout: answerLimit })
  const patient = new Docker(options)
  const hasty = new Docker({ ...options, timeout: lifeLimit })
  /** Desktops reach the world through it, and not each other. */
  const network = `gatehouse-desktops-${instance.slice(0, 8)}`

  let making: Promise<string> = Promise.resolve('')

  /**
   * The id of the network of this service's desktops. Docker lets two networks have one name if they are made at the
   * same moment, and then knows neither by it: they are made one after the other, and of several the oldest counts.
   */
  function findNetwork(): Promise<string> {
    making = making
      .catch(() => '')
      .then(async () => {
        const [oldest] = await networks()
        if (oldest !== undefined) return oldest.Id
        await docker.createNetwork({
          Name: network,
          CheckDuplicate: true,
          Driver: 'bridge',
          Options: { 'com.docker.network.bridge.enable_icc': 'false' },
          Labels: { [label.instance]: instance },
        })
        return (await networks())[0]?.Id ?? network
      })
    return making
  }

  async function networks() {
    const named = await docker.listNetworks({ filters: { name: [network] } })
    return named
      .filter(({ Name }) => Name === network)
      .sort((a, b) => Date.parse(a.Created) - Date.parse(b.Created) || a.Id.localeCompare(b.Id))
  }

  async function pull(image: string): Promise<void> {
    const stream = await patient.pull(image)
    await new Promise<void>((done, fail) => {
      // Failures arrive in the stream of an answer that began with 200.
      patient.modem.followProgress(stream, (error: Error | null, steps: { error?: string }[]) => {
        const fault = error?.message ?? steps?.find((step) => step.error)?.error
        if (fault === undefined) done()
        else
          fail(
            Object.assign(new Error(fault), {
              statusCode: 404,
              json: { message: `no such image: ${fault}` },
            }),
          )
      })
    })
  }

  return {
    name,
    address: place.address,
    /** Where it is, for people. */
    where: place.url ?? `unix://${place.socket}`,
    /** Undefined if it answers. */
    async findTrouble(): Promise<Trouble | undefined> {
      try {
        await hasty.ping()
        return undefined
      } catch (error) {
        return readTrouble(error)
      }
    },
    /** All that this or another service of this kind made here. */
    async list(): Promise<Found[]> {
      const all = await docker.listContainers({ all: true, filters: { label: [label.instance] } })
      return (
        all
          // A second name for the same engine is another host: its containers are not ours to judge here.
          .filter(({ Labels }) => Labels[label.host] === name)
          .map(({ Id, Names, Labels, State, Image, Ports, Created }) => ({
            id: Id,
            name: (Names[0] ?? Id).replace(/^\//, ''),
            desktop: Labels[label.desktop] ?? '',
            instance: Labels[label.instance] ?? '',
            key: Labels[label.key] ?? '',
            mark: Labels[label.mark] ?? '',
            isRunning: State === 'running',
            image: Image,
            hostPort: Ports.find(({ PublicPort }) => PublicPort !== undefined)?.PublicPort,
            createdAt: new Date(Created * 1000),
          }))
      )
    },
    /** Makes it, with its network and, if the kind allows, its image. Answers its id. It does not run yet. */
    async create(
      facts: Omit<ContainerFacts, 'labels' | 'network' | 'address'> & {
        desktop: string
        key: string
        mark: string
      },
      onPull: () => Promise<void>,
    ): Promise<string> {
      const { desktop, key, mark, kind } = facts
      const labels = {
        [label.instance]: instance,
        [label.host]: name,
        [label.desktop]: desktop,
        [label.key]: key,
        [label.mark]: mark,
      }
      const spec = containerSpec({ ...facts, labels, network: await findNetwork(), address: place.address })
      try {
        return (await docker.createContainer(spec)).id
      } catch (error) {
        if (readTrouble(error).kind !== 'image missing' || kind.pull === 'never') throw error
        await onPull()
        await pull(kind.image)
        return (await docker.createContainer(spec)).id
      }
    },
    /** Running already is as good. */
    async start(id: string): Promise<void> {
      await docker.getContainer(id).start().catch(ignore(304))
    },
    /** Asks it to end, removes it, and what is not there is as good. Volumes that have a name stay. */
    async remove(id: string): Promise<void> {
      const container = patient.getContainer(id)
      await container.stop({ t: stopSeconds }).catch(ignore(304, 404))
      await container.remove({ force: true, v: true }).catch(async (error) => {
        // Somebody else removes it at this moment.
        if (error.statusCode === 409)
          return void (await container.wait({ condition: 'removed' }).catch(ignore(404)))
        ignore(404)(error)
      })
    },
    async removeVolumes(volumes: readonly string[]): Promise<void> {
      for (const volume of volumes) await docker.getVolume(volume).remove().catch(ignore(404))
    },
    /** What it said last, and how it ended; undefined if it is not there. */
    async lastWords(id: string): Promise<{ exitCode: number; words: string; ranFor: number } | undefined> {
      try {
        const container = docker.getContainer(id)
        const { State } = await container.inspect()
        const log = (await container.logs({
          stdout: true,
          stderr: true,
          tail: 5,
          follow: false,
        })) as unknown as Buffer
        const ranFor = Date.parse(State.FinishedAt) - Date.parse(State.StartedAt)
        return { exitCode: State.ExitCode, words: textOf(log).slice(-300), ranFor }
      } catch (error) {
        if (readTrouble(error).kind === 'gone') return undefined
        throw error
      }
    },
    async usage(id: string): Promise<Usage | undefined> {
      const stats = await docker.getContainer(id).stats({ stream: false }).catch(ignore(404))
      return stats === undefined ? undefined : usageOf(stats)
    },
    /** Calls `heard` with the desktop of a container that ended or went. Answers how to stop. */
    watch(heard: (desktop: string) => void, onLost: () => void): () => void {
      let stream: (NodeJS.ReadableStream & { destroy?(): void }) | undefined
      let stopped = false
      const lost = () => {
        if (!stopped) onLost()
      }
      patient
        .getEvents({
          filters: {
            type: ['container'],
            event: ['die', 'destroy'],
            label: [`${label.instance}=${instance}`],
          },
        })
        .then((events) => {
          stream = events
          if (stopped) return stream.destroy?.()
          let rest = ''
          events.setEncoding('utf8')
          events.on('data', (text: string) => {
            const lines = (rest + text).split('\n')
            rest = lines.pop() ?? ''
            for (const line of lines) {
              const desktop = /"gatehouse\.desktop":"([0-9a-f-]{36})"/.exec(line)?.[1]
              if (desktop !== undefined) heard(desktop)
            }
          })
          events.on('error', () => {})
          events.on('close', lost)
        })
        .catch(lost)
      return () => {
        stopped = true
        stream?.destroy?.()
      }
    },
  }
}

export type DockerHost = ReturnType<typeof openDockerHost>

// --- internal ---

function optionsOf({ socket, url, ca, cert, key }: HostPlace, folder: string): Docker.DockerOptions {
  if (url === undefined) return { socketPath: socket }
  const pem = (file: string | undefined) =>
    file === undefined ? undefined : readFileSync(resolve(folder, file))
  const { hostname, port } = new URL(url)
  return {
    protocol: 'https',
    host: hostname,
    port: port || 2376,
    ca: pem(ca),
    cert: pem(cert),
    key: pem(key),
  }
}

function ignore(...statuses: number[]) {
  return (error: { statusCode?: number }): undefined => {
    if (!statuses.includes(error.statusCode ?? 0)) throw error
  }
}

/** Docker puts eight bytes before each piece of a log. */
function textOf(log: Buffer): string {
  let text = ''
  for (let at = 0; at + 8 <= log.length; ) {
    const end = at + 8 + log.readUInt32BE(at + 4)
    text += log.subarray(at + 8, end).toString()
    at = end
  }
  return text.trim()
}

function usageOf({
  cpu_stats: now,
  precpu_stats: before,
  memory_stats: memory,
}: Docker.ContainerStats): Usage {
  const used = now.cpu_usage.total_usage - before.cpu_usage.total_usage
  const whole = now.system_cpu_usage - before.system_cpu_usage
  // What the kernel keeps of files is given back when somebody needs it.
  const cached = memory.stats?.inactive_file ?? memory.stats?.total_inactive_file ?? 0
  return {
    cpus: whole > 0 ? (used / whole) * (now.online_cpus ?? 1) : 0,
    memory: Math.max(0, (memory.usage ?? 0) - cached),
    memoryLimit: memory.limit ?? 0,
  }
}
