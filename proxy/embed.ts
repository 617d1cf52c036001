import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type ClientAddress, parseAddress } from './address.ts'
import { observeExchanges } from './cluster/observer.ts'
import { endOldTunnels, endWithdrawnTunnels, withdrawalsEvery } from './cluster/old-tunnels.ts'
import { version } from './cluster/version.ts'
import { loadConfig } from './config/load.ts'
import type { LoadedConfig } from './config/loaded.ts'
import { formatProblem } from './config/problem.ts'
import type { ListenerConfig } from './config/schema.ts'
import { createGatehouse } from './gatehouse.ts'
import { openAccessLogs } from './observability/access-log.ts'
import { logger } from './observability/logger.ts'
import { createRecentDecisions } from './observability/recent-decisions.ts'
import { openTraceLog } from './observability/tracing/trace-log.ts'
import { readConnectionTls } from './request/accept/connection-tls.ts'
import type { ConnectionTls, Incoming, Listener } from './request/accept/incoming.ts'
import { answerSocket } from './request/accept/short-answer.ts'
import { isHandshake, responseOnSocket, wantsWebSocket } from './request/accept/upgrade.ts'
import { memoryLimits } from './request/policies/rate-limit.ts'

export interface EmbedSettings {
  /** Path of routes.yaml. Relative paths in it start at its folder. */
  readonly file: string
  /** Its text, if there is no such file to read. */
  readonly text?: string
  /** What `${NAME}` and `env:NAME` are looked up in. Default: the environment of this process. */
  readonly env?: NodeJS.ProcessEnv
  /** Which listener of the file your server stands for. Default: the first. */
  readonly listener?: string
  /** Something went wrong that no client waits for. Default: a warning on standard error. */
  onTrouble?(sentence: string): void
}

/** Routes, policies and relay of a Gatehouse, behind a server of your own. */
export interface Embedded {
  /**
   * Answers every request, also one that no route serves. As the last middleware of an Express app it stands at the
   * root and after no body parser: a body that was read cannot be relayed.
   */
  handler(this: void, request: IncomingMessage, response: ServerResponse): void
  /** For the server's `upgrade` event. Without it, WebSockets are not served. */
  upgrade(this: void, request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Takes up another text, or the file again. Rejects with every mistake, and changes nothing, if there are any. */
  reload(text?: string): Promise<void>
  /** After your server has closed. */
  close(): Promise<void>
}

/**
 * Puts a Gatehouse into an existing server for HTTP/1.1, such as that of an Express app:
 *
 *     const gatehouse = await embed({ file: 'routes.yaml' })
 *     http.createServer(gatehouse.handler).on('upgrade', gatehouse.upgrade).listen(8080)
 *
 * The server's own limits hold: set `maxHeadersCount`, `headersTimeout` and the like there. Throws every mistake
 * of the file, a line each.
 */
export async function embed(settings: EmbedSettings): Promise<Embedded> {
  const { env = process.env, onTrouble = (sentence) => logger.warn(sentence) } = settings
  const load = async (text: string | undefined): Promise<LoadedConfig> => {
    const loaded = await loadConfig({ file: settings.file, text, env })
    if (loaded.ok) return loaded.config
    throw new Error(loaded.problems.map(formatProblem).join('\n'))
  }
  const config = await load(settings.text)
  const listener = listenerOf(config, settings.listener)
  const accessLogs = openAccessLogs({ default: config.accessLog, folder: config.folder })
  const traceLog = openTraceLog(config, env, version)
  const gatehouse = createGatehouse(config, {
    env,
    limits: memoryLimits(),
    observer: observeExchanges(() => ({ accessLogs, traceLog }), createRecentDecisions()),
    onBackgroundError: onTrouble,
  })
  const withdrawals = setInterval(endWithdrawnTunnels, withdrawalsEvery, gatehouse).unref()
  const connections = new WeakMap<Duplex, Connection>()

  function incomingOf(request: IncomingMessage, response: ServerResponse): Incoming | undefined {
    const { socket } = request
    const connection = connections.get(socket) ?? readConnection(socket, listener)
    if (connection === undefined) return undefined
    connections.set(socket, connection)
    return { request, response, expectsContinue: false, ...connection }
  }

  return {
    handler(request, response) {
      const incoming = incomingOf(request, response)
      if (incoming === undefined) response.destroy()
      else gatehouse.serve(incoming)
    },
    upgrade(request, socket, head) {
      socket.on('error', () => {})
      if (!wantsWebSocket(request) || !isHandshake(request)) return answerSocket(socket, 'upgrade_invalid')
      const response = responseOnSocket(request, socket) as ServerResponse | undefined
      const incoming = response && incomingOf(request, response)
      if (incoming === undefined) socket.destroy()
      else gatehouse.serve({ ...incoming, upgrade: { socket, head } })
    },
    async reload(text) {
      gatehouse.prepare(await load(text)).activate()
      endOldTunnels(gatehouse)
    },
    async close() {
      clearInterval(withdrawals)
      await gatehouse.close()
      await Promise.all([accessLogs.close(), traceLog?.close()])
    },
  }
}

// --- internal ---

/** What all requests of a connection have in common. */
interface Connection {
  readonly listener: Listener
  readonly peer: ClientAddress
  readonly peerPort: number
  readonly tls: ConnectionTls | undefined
}

function readConnection(socket: Socket, listener: Listener): Connection | undefined {
  const peer = parseAddress(socket.remoteAddress ?? '')
  // It was reset meanwhile.
  if (peer === undefined) return undefined
  const secure = 'encrypted' in socket && socket.encrypted === true
  return {
    listener: { ...listener, secure, port: socket.localPort ?? listener.port },
    peer,
    peerPort: socket.remotePort ?? 0,
    tls: secure ? readConnectionTls(socket as TLSSocket) : undefined,
  }
}

function listenerOf(config: LoadedConfig, wanted: string | undefined): Listener {
  const name = wanted ?? (Object.keys(config.listeners)[0] as string)
  const found: ListenerConfig | undefined = config.listeners[name]
  if (found === undefined) throw new Error(`${config.file} has no listener "${name}"`)
  return { name, secure: found.tls ?? false, config: found, port: found.port }
}
