import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { pathOf } from '../harness/parts.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** A real Prometheus with the shipped rules, which watches a proxy, and services. */
export interface Prometheus {
  /** Answers each sample of an instant query. */
  query(expression: string): Promise<Sample[]>
  /** Names of the alerts that fire now. */
  firing(): Promise<Alert[]>
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

export interface Alert {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
}

export interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly for?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export const shipped = new URL('../../deploy/prometheus/', import.meta.url)

/** In trials: how often is scraped and evaluated, and how long a condition must hold. The expressions stay as they are. */
const quick = { every: '1s', for: '2s' }

export async function readRules(): Promise<Rule[]> {
  const { groups } = parse(await readFile(new URL('alerts.yml', shipped), 'utf8')) as Rules
  return groups.flatMap(({ rules }) => rules)
}

/** Who is scraped, by addresses such as `http://127.0.0.1:9901`. */
export interface Watched {
  /** The proxy's admin listener. */
  readonly admin?: string
  /** Where the metrics of services are, by their names. */
  readonly services?: Readonly<Record<string, string>>
}

export async function startPrometheus(t: Teardown, { admin, services = {} }: Watched): Promise<Prometheus> {
  const folder = await tempFolder(t)
  const rules = parse(await readFile(new URL('alerts.yml', shipped), 'utf8')) as Rules
  for (const rule of rules.groups.flatMap((group) => group.rules))
    if (rule.for !== undefined) Object.assign(rule, { for: quick.for })
  const config = parse(await readFile(new URL('prometheus.yml', shipped), 'utf8'))
  config.global = { scrape_interval: quick.every, evaluation_interval: quick.every }
  const [proxies, others] = config.scrape_configs as ScrapeConfig[]
  const proxy = admin === undefined ? [] : [{ targets: [new URL(admin).host] }]
  Object.assign(proxies as object, { static_configs: proxy })
  const watched = (others as ScrapeConfig).static_configs.flatMap(({ labels }) => {
    const url = services[labels?.service ?? '']
    return url === undefined ? [] : [{ targets: [new URL(url).host], labels }]
  })
  Object.assign(others as object, { static_configs: watched })
  await writeFile(join(folder, 'alerts.yml'), stringify(rules))
  await writeFile(join(folder, 'prometheus.yml'), stringify(config))

  const port = await freePort()
  const args = [
    `--config.file=${folder}/prometheus.yml`,
    `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]
  const child = spawn(pathOf('prometheus'), args, { stdio: 'ignore' })
  const ended = once(child, 'exit')
  onEnd(t, async () => {
    child.kill('SIGKILL')
    await ended
  })
  const api = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
    const { status, data, error } = (await response.json()) as Answer
    if (status !== 'success') throw new Error(error)
    return data
  }
  const prometheus: Prometheus = {
    async query(expression) {
      const { result } = (await api(`query?query=${encodeURIComponent(expression)}`)) as Vector
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
    async firing() {
      const { alerts } = (await api('alerts')) as Alerts
      return alerts
        .filter(({ state }) => state === 'firing')
        .map(({ labels, annotations }) => ({
          name: labels.alertname ?? '',
          labels,
          summary: annotations.summary ?? '',
        }))
    },
  }
  const all = proxy.length + watched.length
  await eventually(async () => (await prometheus.query('up == 1')).length === all, {
    timeout: 30_000,
    every: 200,
  })
  return prometheus
}

interface ScrapeConfig {
  readonly static_configs: readonly {
    readonly targets: readonly string[]
    readonly labels?: Readonly<Record<string, string>>
  }[]
}
interface Rules {
  readonly groups: { readonly name: string; readonly rules: Rule[] }[]
}
interface Answer {
  readonly status: string
  readonly data: unknown
  readonly error?: string
}
interface Vector {
  readonly result: { readonly metric: Record<string, string>; readonly value: [number, string] }[]
}
interface Alerts {
  readonly alerts: {
    readonly state: string
    readonly labels: Record<string, string>
    readonly annotations: Record<string, string>
  }[]
}
