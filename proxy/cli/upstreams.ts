import http from 'node:http'
import { resolve } from 'node:path'
import type { TargetReport } from '../admin/upstream-report.ts'
import { loadConfig } from '../config/load.ts'

export interface UpstreamsArguments {
  readonly file: string
  /** Default: what routes.yaml says. */
  readonly admin?: string
  readonly json: boolean
}

interface Io {
  out(text: string): void
  err(text: string): void
}

/**
 * `gatehouse upstreams`: asks the running Gatehouse for each target. Exit code 0 if all are well, 1 if one is not,
 * 2 if nobody could be asked.
 */
export async function runUpstreams({ file, admin, json }: UpstreamsArguments, io: Io): Promise<number> {
  let targets: readonly TargetReport[]
  try {
    const place = admin ?? (await placeOf(file))
    targets = (JSON.parse(await get(place)) as { targets: TargetReport[] }).targets
  } catch (error) {
    io.err(`gatehouse upstreams: ${(error as Error).message}`)
    return 2
  }
  if (json) io.out(JSON.stringify({ targets }, null, 2))
  else io.out(targets.length === 0 ? 'There are no targets.' : tableOf(targets))
  return targets.every(({ health }) => health === 'well' || health === 'draining') ? 0 : 1
}

async function placeOf(file: string): Promise<string> {
  const loaded = await loadConfig({ file })
  if (!loaded.ok)
    throw new Error(`${file} has mistakes; name the admin listener: --admin http://127.0.0.1:9901`)
  const { admin, folder } = loaded.config
  if (admin.socket !== undefined) return `unix:${resolve(folder, admin.socket)}`
  const host = admin.address.includes(':') ? `[${admin.address}]` : admin.address
  return `http://${host}:${admin.port}`
}

function get(place: string): Promise<string> {
  const path = '/v1/upstreams'
  const options = place.startsWith('unix:')
    ? { socketPath: place.slice('unix:'.length), path, headers: { host: 'localhost' } }
    : new URL(path, place)
  return new Promise((done, failed) => {
    const request = http.get(options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('error', failed)
      response.on('end', () =>
        response.statusCode === 200
          ? done(text)
          : failed(new Error(`${place} answered ${response.statusCode}`)),
      )
    })
    request.setTimeout(5000, () => request.destroy(new Error(`${place} does not answer`)))
    request.on('error', (error: NodeJS.ErrnoException) =>
      failed(error.code === undefined ? error : new Error(`nobody answers at ${place} (${error.code})`)),
    )
  })
}

function tableOf(targets: readonly TargetReport[]): string {
  const rows = targets.map((target) => [
    [target.upstream, target.key, target.id].filter(Boolean).join('/'),
    target.url,
    target.health,
    String(target.inFlight),
    heartbeatOf(target),
    target.lease ? seconds(target.lease.ageMs) : '',
    target.reason ?? target.lastError ?? '',
  ])
  const table = [
    ['target', 'address', 'health', 'in flight', 'heartbeat', 'age', 'reason or last error'],
    ...rows,
  ]
  const widths = table[0]?.map((_, at) => Math.max(...table.map((row) => row[at]?.length ?? 0))) ?? []
  return table
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function heartbeatOf({ lease }: TargetReport): string {
  if (lease === undefined) return 'fixed'
  const { sinceHeartbeatMs, ttlMs } = lease
  return sinceHeartbeatMs === undefined
    ? 'by another proxy'
    : `${seconds(sinceHeartbeatMs)} of ${seconds(ttlMs)}`
}

function seconds(ms: number): string {
  const whole = Math.round(ms / 1000)
  if (whole < 120) return `${whole}s`
  return whole < 7200 ? `${Math.round(whole / 60)}m` : `${Math.round(whole / 3600)}h`
}
