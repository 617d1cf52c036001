import { type Network, parseNetwork } from '../../address.ts'
import type { CertificateStore } from '../../tls/certificates.ts'
import { bind } from './bind.ts'
import type { Limits } from './connection.ts'
import { type ConnectionCount, createConnectionRegistry } from './connection-registry.ts'
import type { Trust } from './door.ts'
import { checkingInterval } from './http1.ts'
import type { Listener } from './incoming.ts'
import {
  buildPart,
  closePart,
  type ListenerPart,
  type ListenerSettings,
  readClientCa,
} from './listener-part.ts'
import { partFrom, tend } from './tend.ts'

export type { ListenerSettings } from './listener-part.ts'

export interface OpenListeners {
  /** In the order of the configuration, with their real ports. */
  readonly listeners: readonly Listener[]
  connections(): ConnectionCount[]
  /** For handshakes from now on. Reads client authorities again; throws, and changes nothing, if that fails. */
  setCertificates(certificates: CertificateStore): Promise<void>
  setTicketKeys(keys: Buffer): void
  /** Connections that are open keep the limits that Node has already read for them. */
  update(settings: { limits: Limits; trustedProxies: readonly string[] }): void
  /**
   * No new connections; idle ones end, busy ones end after their answer. Tunnels stay. `gently`: idle ones, too, end
   * after one more answer, so that no request meets a connection that is just being closed.
   */
  stopAccepting(gently?: boolean): void
  /** The same, then waits until all connections have ended, and cuts the rest after `deadline` milliseconds. */
  close(options: { deadline: number }): Promise<void>
}

/**
 * Opens every listener, or none: throws one sentence for the first that cannot be opened. In a worker of
 * node:cluster the primary holds the ports and deals out connections; nothing differs here.
 */
export async function openListeners(settings: ListenerSettings): Promise<OpenListeners> {
  const registry = createConnectionRegistry()
  const trust: Trust = { networks: settings.trustedProxies.map(parseNetwork) }
  const parts: ListenerPart[] = []
  try {
    for (const [name, config] of Object.entries(settings.listeners))
      parts.push(await buildPart(name, config, settings, { registry, trust }))
    for (const { door, acceptance } of parts) await bind(door, acceptance.listener)
  } catch (error) {
    for (const part of parts) closePart(part)
    throw error
  }
  const clock = setInterval(() => {
    for (const connection of registry.open) tend(connection, settings.limits)
  }, checkingInterval(settings.limits))
  clock.unref()

  const stopAccepting = (gently = false): void => {
    for (const part of parts) {
      if (part.acceptance.stopping) continue
      part.acceptance.stopping = true
      part.door.close()
    }
    if (!gently) for (const connection of registry.open) partFrom(connection)
  }

  return {
    listeners: parts.map(({ acceptance }) => acceptance.listener),
    connections: registry.counts,
    async setCertificates(certificates) {
      const authorities = await Promise.all(
        parts.map((part) => readClientCa(part.acceptance.listener, settings.folder)),
      )
      parts.forEach((part, at) => {
        part.tls?.setCertificates(certificates, authorities[at])
      })
    },
    setTicketKeys(keys) {
      for (const part of parts) part.tls?.setTicketKeys(keys)
    },
    update({ limits, trustedProxies }) {
      const networks: Network[] = trustedProxies.map(parseNetwork)
      trust.networks = networks
      settings = { ...settings, limits }
      for (const part of parts) {
        part.acceptance.limits = limits
        part.http1.apply(limits)
        part.http2?.apply(limits)
      }
    },
    stopAccepting,
    async close({ deadline }) {
      stopAccepting()
      // What was busy a moment ago may be idle now, and nothing tells of a connection that nobody uses.
      const parting = setInterval(() => {
        for (const connection of registry.open) partFrom(connection)
      }, 50)
      const cut = setTimeout(() => {
        for (const { socket } of registry.open) socket.destroy()
      }, deadline)
      await registry.empty()
      clearInterval(parting)
      clearTimeout(cut)
      clearInterval(clock)
      for (const part of parts) closePart(part)
    },
  }
}
