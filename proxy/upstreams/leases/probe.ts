import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { resolve } from 'node:path'
import type { HealthConfig, UpstreamConfig } from '../../config/upstream-schema.ts'
import type { ConnectGuard, TargetAddress } from '../connection-pool.ts'
import { lookupAddresses } from '../find-addresses.ts'
import { withPath } from './held-socket.ts'

/** Asks a target once whether it is well. Answers undefined, or a sentence about what is wrong. Never rejects. */
export type Probe = (address: TargetAddress) => Promise<string | undefined>

export interface ProbeSettings {
  readonly config: UpstreamConfig
  /** Relative paths start here. */
  readonly folder: string
  /** For targets that were not written by the operator. */
  guard?(address: TargetAddress): ConnectGuard
}

/** By the path that the upstream names; without one, whether it accepts a connection. */
export function createProbe({ config, folder, guard }: ProbeSettings): Probe {
  const { health } = config
  return async (address) => {
    const guarded = guard?.(address)
    const ask = (socketPath = address.socketPath): Promise<string | undefined> => {
      const place = { ...placeOf({ ...address, socketPath }), lookup: guarded?.lookup ?? lookupAddresses }
      return health === undefined
        ? connects(place, Math.min(config.connectTimeout, 2_000))
        : answers({ ...place, ...tlsOf(config, address, folder) }, address, health)
    }
    if (guarded === undefined) return ask()
    const admitted = guarded.admit(ask)
    if ('fault' in admitted) return admitted.fault
    const fault = await admitted.made
    return fault && withPath(fault, address.socketPath)
  }
}

// --- internal ---

const mostBody = 64 * 1024

function placeOf({
  socketPath,
  host,
  port,
}: TargetAddress): { path: string } | { host: string; port: number } {
  return socketPath === undefined ? { host, port } : { path: socketPath }
}

function tlsOf(
  { tls }: UpstreamConfig,
  { secure, host }: TargetAddress,
  folder: string,
): https.RequestOptions {
  if (!secure) return {}
  return {
    ca: tls.ca === undefined ? undefined : readFileSync(resolve(folder, tls.ca)),
    servername: tls.servername ?? (net.isIP(host) === 0 ? host : undefined),
    rejectUnauthorized: !tls.insecureSkipVerify,
  }
}

function connects(place: object, limit: number): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = net.connect(place as net.NetConnectOpts)
    const tell = (fault: string | undefined): void => {
      socket.destroy()
      done(fault)
    }
    socket.setTimeout(limit, () => tell(`no connection within ${limit} ms`))
    socket.once('connect', () => tell(undefined))
    socket.once('error', (error) => tell(wordsOf(error)))
  })
}

function answers(
  { path: socketPath, ...place }: https.RequestOptions,
  { secure, authority }: TargetAddress,
  { path, status, body: wanted, timeout }: HealthConfig,
): Promise<string | undefined> {
  return new Promise((done) => {
    const request = (secure ? https : http).request({
      ...place,
      socketPath: socketPath ?? undefined,
      path,
      agent: false,
      headers: { host: authority, 'user-agent': 'gatehouse-health', connection: 'close' },
    })
    const tell = (fault: string | undefined): void => {
      clearTimeout(timer)
      request.destroy()
      done(fault)
    }
    const timer = setTimeout(() => tell(`${path} has not answered within ${timeout} ms`), timeout)
    request.on('error', (error) => tell(wordsOf(error)))
    request.once('response', (response) => {
      const { statusCode = 0 } = response
      const isGood = status?.includes(statusCode) ?? (statusCode >= 200 && statusCode < 300)
      if (!isGood) return tell(`${path} answered ${statusCode}`)
      if (wanted === undefined) return tell(undefined)
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.includes(wanted)) tell(undefined)
        else if (text.length > mostBody) tell(`${path} answered without the text that it should`)
      })
      response.on('end', () => tell(`${path} answered without the text that it should`))
    })
    request.end()
  })
}

function wordsOf(error: NodeJS.ErrnoException): string {
  return error.code === undefined || error.message.includes(error.code)
    ? error.message
    : `${error.code}: ${error.message}`
}
