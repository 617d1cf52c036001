import { parseAddress } from '../address.ts'
import { loadConfig } from '../config/load.ts'
import type { LoadedConfig } from '../config/loaded.ts'
import { formatProblem } from '../config/problem.ts'
import type { ClientRequest, ClientResponse, Incoming, Listener } from '../request/accept/incoming.ts'
import { rehearse } from '../request/rehearsal.ts'
import { explainText } from './explain-text.ts'
import { type ExplainArguments, explanation, isUnmatchedServed } from './explanation.ts'
import { buildOffline } from './offline.ts'

export interface CommandOutput {
  out(text: string): void
  err(text: string): void
  colour: boolean
}

/**
 * `gatehouse explain`: which route wins and why, every policy's verdict in order, where the request would go
 * and what would be sent. Exit code 0 if it would pass, 1 if it would be refused, 2 if it cannot be asked.
 */
export async function runExplain(args: ExplainArguments, output: CommandOutput): Promise<number> {
  const loaded = await loadConfig({ file: args.file })
  if (!loaded.ok) {
    for (const problem of loaded.problems) output.err(formatProblem(problem))
    return 2
  }
  let incoming: Incoming
  try {
    incoming = incomingFrom(args, loaded.config)
  } catch (error) {
    output.err((error as Error).message)
    return 2
  }
  const gatehouse = buildOffline(loaded.config, (message) => output.err(message))
  try {
    const rehearsal = await rehearse(incoming, gatehouse.state)
    output.out(
      args.json
        ? JSON.stringify(explanation(rehearsal), null, 2)
        : explainText(rehearsal, args, output.colour),
    )
    if (isUnmatchedServed(rehearsal)) return 0
    return rehearsal.decision?.outcome === 'pass' && rehearsal.route?.destination.kind !== 'closed' ? 0 : 1
  } finally {
    await gatehouse.close()
  }
}

/** A request as it would have come off a socket, so that it is read by the same function. */
function incomingFrom(args: ExplainArguments, config: LoadedConfig): Incoming {
  const peer = parseAddress(args.from)
  if (!peer) throw new Error(`--from: "${args.from}" is not an address`)
  const found = /^(https?|wss?):\/\/([^/?#]*)([^#]*)/i.exec(args.url)
  if (!found)
    throw new Error(
      `"${args.url}" is not an address; write it as a browser would, such as https://localhost:8443/open`,
    )
  const [, scheme = '', authority = '', target = ''] = found
  const listener = listenerFor(args, config, /s$/i.test(scheme), authority)
  const upgrade = args.upgrade || /^ws/i.test(scheme)
  const rawHeaders = args.http2 ? [':authority', authority] : ['Host', authority]
  if (upgrade) rawHeaders.push('Connection', 'Upgrade', 'Upgrade', 'websocket')
  for (const line of args.headers) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new Error(`-H: "${line}" is not "Name: value"`)
    rawHeaders.push(line.slice(0, colon).trim(), line.slice(colon + 1).trim())
  }
  const headers: Record<string, string> = {}
  for (let i = 0; i < rawHeaders.length; i += 2)
    headers[(rawHeaders[i] as string).toLowerCase()] = rawHeaders[i + 1] as string
  const request = {
    method: args.method.toUpperCase(),
    url: target === '' || target.startsWith('?') ? `/${target}` : target,
    rawHeaders,
    headers,
    httpVersion: args.http2 ? '2.0' : '1.1',
    httpVersionMajor: args.http2 ? 2 : 1,
    httpVersionMinor: args.http2 ? 0 : 1,
  } as unknown as ClientRequest
  // Nobody waits for a response, so there is none; a rehearsal stops before it would be needed.
  const response = {} as ClientResponse
  return {
    request,
    response,
    listener,
    peer,
    peerPort: 0,
    expectsContinue: false,
    upgrade: upgrade ? ({} as Incoming['upgrade']) : undefined,
  }
}

/** The listener that a browser would reach with that address. */
function listenerFor(
  args: ExplainArguments,
  config: LoadedConfig,
  secure: boolean,
  authority: string,
): Listener {
  const listeners = Object.entries(config.listeners).map(([name, listener]) => ({
    name,
    secure: listener.tls ?? name === 'https',
    config: listener,
    port: listener.port,
  }))
  const port = Number(/:(\d+)$/.exec(authority)?.[1] ?? (secure ? 443 : 80))
  const sameKind = listeners.filter((listener) => listener.secure === secure)
  const chosen =
    args.listener === undefined
      ? (sameKind.find((listener) => (listener.config.publicPort ?? listener.port) === port) ?? sameKind[0])
      : listeners.find(({ name }) => name === args.listener)
  if (!chosen) throw new Error(`no listener fits; there are: ${listeners.map(({ name }) => name).join(', ')}`)
  return chosen
}
