import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Serving, startServing } from '../../proxy/cluster/serving.ts'
import { loadConfig } from '../../proxy/config/load.ts'
import type { LoadedConfig } from '../../proxy/config/loaded.ts'
import { formatProblem } from '../../proxy/config/problem.ts'
import { memoryLimits } from '../../proxy/request/policies/rate-limit.ts'
import { onEnd, type Teardown } from './teardown.ts'
import { tempFolder } from './temp-folder.ts'

export interface Proxy {
  readonly gatehouse: Serving['gatehouse']
  /** Where relative paths of the configuration start, and where its logs lie. */
  readonly folder: string
  /** Port of a listener; of the first one unless named. */
  port(listener?: string): number
  /** `http://127.0.0.1:1234` or `https://…` of a listener; of the first one unless named. */
  url(listener?: string): string
  /** What went wrong that no client waited for, a sentence each. */
  readonly troubles: readonly string[]
  /** The access log's entries so far. The last exchange is there soon after its end: ask `eventually`. */
  accessLog(): Promise<Record<string, unknown>[]>
  /** Swaps in another configuration with the same listeners. Rejects, and changes nothing, if it is at fault. */
  reload(yaml: string): Promise<void>
  /** Stops with that many milliseconds for what is under way. Called at the end in any case. */
  stop(deadline?: number): Promise<void>
}

export interface ProxyOptions {
  env?: NodeJS.ProcessEnv
  /** Absolute. Default: a new one. */
  folder?: string
}

/**
 * The whole proxy in this process, as one worker has it: listeners, table, policies, relay, logs. Not there: the
 * admin listener, leases and other workers, for which there is `startCli`.
 * A configuration without listeners gets one called `http` on a free port of 127.0.0.1, and one without limits gets
 * no limit of delay.
 */
export async function startProxy(t: Teardown, yaml: string, options: ProxyOptions = {}): Promise<Proxy> {
  const folder = options.folder ?? (await tempFolder(t))
  const env = options.env ?? {}
  const troubles: string[] = []
  const config = await load(yaml, folder, env)
  const serving = await startServing({
    config,
    env,
    limits: memoryLimits(),
    ticketKeys: randomBytes(48),
    onTrouble: (sentence) => troubles.push(sentence),
  })
  let stopped: Promise<void> | undefined
  const stop = (deadline = 0) => {
    stopped ??= serving.stop({ requests: deadline, tunnels: 0 })
    return stopped
  }
  onEnd(t, () => stop())

  const listenerNamed = (name?: string) => {
    const found = serving.listeners.find((listener) => name === undefined || listener.name === name)
    if (!found) throw new Error(`There is no listener "${name}"`)
    return found
  }
  return {
    gatehouse: serving.gatehouse,
    folder,
    port: (name) => listenerNamed(name).port,
    url(name) {
      const { secure, port } = listenerNamed(name)
      return `${secure ? 'https' : 'http'}://127.0.0.1:${port}`
    },
    troubles,
    accessLog: async () =>
      (await readFile(join(folder, 'data/logs/access.log'), 'utf8'))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
    async reload(next) {
      const prepared = await serving.prepare(await load(next, folder, env))
      await prepared.activate()
    },
    stop,
  }
}

async function load(yaml: string, folder: string, env: NodeJS.ProcessEnv): Promise<LoadedConfig> {
  const file = join(folder, 'routes.yaml')
  const text = unindent(yaml)
  const listeners = 'listeners: { http: { port: 0, address: 127.0.0.1 } }\n'
  // The test shares its process with the proxy, and what it does itself would be taken for a core that cannot keep up.
  const limits = '\nlimits: { delay: 0s }\n'
  const whole = /^limits:/m.test(text) ? text : text + limits
  await writeFile(file, /^listeners:/m.test(whole) ? whole : listeners + whole)
  const loaded = await loadConfig({ file, env })
  if (loaded.ok) return loaded.config
  throw new Error(loaded.problems.map(formatProblem).join('\n'))
}

/** A template literal may stand as deep as its test does. */
function unindent(text: string): string {
  const depth = /^\n?( *)/.exec(text)?.[1]?.length ?? 0
  return text.replace(new RegExp(`^ {${depth}}`, 'gm'), '')
}
