import { join } from 'node:path'
import { services as roster, type ServiceName } from '../../services/roster.ts'
import { eventually } from '../harness/eventually.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { type RealPostgres, startPostgres } from './postgres.ts'
import { type ServiceProcess, startServiceProcess } from './service-process.ts'

/** A service without a proxy, with its metrics. */
export interface FleetService {
  readonly name: ServiceName
  /** Where it answers, `http://127.0.0.1:1234`. */
  readonly url: string
  /** `http://127.0.0.1:1234/metrics` */
  readonly metrics: string
  readonly process: ServiceProcess
}

export interface Fleet {
  readonly services: readonly FleetService[]
  /** Throws if it was not asked for. */
  of(name: ServiceName): FleetService
  readonly postgres: RealPostgres
}

export const fleetPassword = 'password of the fleet'

const secret = 'for tests, thirty-two bytes or more of it'
const settings: Readonly<Record<ServiceName, NodeJS.ProcessEnv>> = {
  visits: { SECRET_KEY: secret, FIRST_PASSWORD: fleetPassword },
  camera: { DISK_RESERVE: '0' },
  photos: { SECRET_KEY: secret, AUTH_PASSWORD: fleetPassword },
  hikvision: { SECRET_KEY: secret, ADMIN_PASSWORD: fleetPassword },
  desktops: { SESSION_KEY: secret, ADMIN_PASSWORD: fleetPassword },
}

/** Starts these services, or all of them, on one Postgres with a database for each. */
export async function startFleet(
  t: Teardown,
  { names = Object.keys(roster) as ServiceName[], env = {} }: FleetOptions = {},
): Promise<Fleet> {
  const postgres = await startPostgres(t)
  const services = await Promise.all(
    names.map(async (name): Promise<FleetService> => {
      const folder = await tempFolder(t)
      const process = startServiceProcess(t, name, {
        cwd: folder,
        env: {
          DATABASE_URL: await postgres.createDatabase(),
          DATA_DIR: join(folder, 'data'),
          DOCKER_SOCKET: join(folder, 'docker.sock'),
          METRICS_PORT: '0',
          // A proxy that is not there: they serve all the same, and say that it does not know them.
          GATEHOUSE_ADMIN: 'http://127.0.0.1:9',
          GATEHOUSE_TOKEN: 'of nobody',
          ...settings[name],
          ...env,
        },
      })
      // A test may have taken its database away, and then it would wait for it before it ends.
      onEnd(t, () => void process.stop('SIGKILL'))
      const said = (what: RegExp) =>
        eventually(
          () => {
            if (process.child.exitCode !== null) throw new Error(`${name} ended:\n${process.written()}`)
            return what.exec(process.written())?.[1] ?? false
          },
          { timeout: 60_000 },
        )
      return {
        name,
        process,
        url: await said(/"message":"serves (\S+) /),
        metrics: await said(/its metrics are at ([^"\s]+)/),
      }
    }),
  )
  return {
    services,
    postgres,
    of(name) {
      const found = services.find((service) => service.name === name)
      if (found === undefined) throw new Error(`${name} was not started`)
      return found
    },
  }
}

/** Where the metrics of each are, for a Prometheus. */
export function metricsOf({ services }: Fleet): Record<string, string> {
  return Object.fromEntries(services.map(({ name, metrics }) => [name, metrics]))
}

export interface FleetOptions {
  readonly names?: readonly ServiceName[]
  /** For all of them, beside what each needs. */
  readonly env?: NodeJS.ProcessEnv
}
