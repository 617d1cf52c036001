import { createServer, type Server, type Socket } from 'node:net'
import { type ClientAddress, inNetworks, type Network, parseAddress } from '../../address.ts'
import type { Acceptance, Connection } from './connection.ts'
import type { ConnectionRegistry } from './connection-registry.ts'
import { readProxyHeader } from './proxy-header.ts'

/** Whose word on the client's address is taken. Replaced as a whole by a reload. */
export interface Trust {
  networks: readonly Network[]
}

/**
 * The TCP socket of a listener. Each connection is counted, named (by the PROXY header where the listener
 * expects one) and handed on; whoever has too many, or announces others without being trusted, is cut.
 */
export function createDoor(
  acceptance: Acceptance,
  { registry, trust }: { registry: ConnectionRegistry; trust: Trust },
  enter: (connection: Connection) => void,
): Server {
  const { listener } = acceptance
  const refuse = (connection: Connection, code: string): void => {
    acceptance.clientError(code, connection.peer.text)
    connection.socket.destroy()
  }
  const admit = (connection: Connection): void => {
    if (connection.socket.destroyed) return
    // A trusted proxy brings the connections of many. Whom it announces is one client again.
    const most = inNetworks(connection.peer, trust.networks) ? 0 : acceptance.limits.connectionsPerClient
    if (registry.admit(connection, most)) enter(connection)
    else refuse(connection, 'TOO_MANY_CONNECTIONS')
  }

  const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }
  // HTTP/1.1 in the clear ends its side itself, as http.Server does; TLS cannot be half closed.
  return createServer({ ...options, allowHalfOpen: !listener.secure }, (socket) => {
    socket.on('error', ignore)
    const peer = parseAddress(socket.remoteAddress ?? '')
    // It was reset while it waited for us.
    if (peer === undefined) return void socket.destroy()
    const connection = openConnection(acceptance, socket, peer)
    registry.add(connection)
    if (!listener.config.proxyProtocol) return admit(connection)
    if (!inNetworks(peer, trust.networks)) return refuse(connection, 'PROXY_UNTRUSTED')
    readProxyHeader(socket, (read) => {
      if ('fault' in read) return refuse(connection, 'PROXY_MALFORMED')
      if (read.source !== undefined) {
        connection.peer = read.source.address
        connection.peerPort = read.source.port
      }
      admit(connection)
      // HTTP listens by now and is waiting. TLS fetches what is there itself, and would miss what flows past.
      if (!listener.secure) socket.resume()
    })
  })
}

// --- Internal ---

function ignore(): void {}

function openConnection({ listener }: Acceptance, socket: Socket, peer: ClientAddress): Connection {
  return {
    listener,
    socket,
    plain: undefined,
    peer,
    peerPort: socket.remotePort ?? 0,
    tls: undefined,
    protocol: 'opening',
    acceptedAt: performance.now(),
    served: 0,
    request: undefined,
    response: undefined,
    ahead: 0,
    ending: false,
    untaken: undefined,
    broken: false,
    http2: undefined,
  }
}
