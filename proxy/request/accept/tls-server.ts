import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { CertificateStore } from '../../tls/certificates.ts'
import type { ContextUse } from '../../tls/secure-context.ts'
import { type AlpnProof, createAlpnProofs } from './alpn-proofs.ts'
import type { Acceptance, Connection } from './connection.ts'
import { readConnectionTls } from './connection-tls.ts'

/** The TLS handshake of one listener, and its outcome: a connection that speaks `h2` or `http/1.1`. */
export interface TlsServer {
  take(connection: Connection): void
  /** For handshakes from now on. `clientCa`: PEM of the authorities of client certificates. */
  setCertificates(certificates: CertificateStore, clientCa: string | undefined): void
  setTicketKeys(keys: Buffer): void
  /** What an ACME authority may ask for. */
  setProofs(proofs: readonly AlpnProof[]): void
}

export interface TlsSettings {
  certificates: CertificateStore
  clientCa: string | undefined
  ticketKeys: Buffer | undefined
  /** Of a client that asked for a name which no certificate has. */
  unknownName?: (name: string) => void
}

export function createTlsServer(
  acceptance: Acceptance,
  settings: TlsSettings,
  ready: (connection: Connection, socket: TLSSocket) => void,
): TlsServer {
  const { name, config } = acceptance.listener
  const { unknownName } = settings
  let { certificates, ticketKeys } = settings
  let use = useOf(name, settings.clientCa)
  /** Node tells of the TLS socket alone, so the connection under it is found by its two ends. */
  const arriving = new Map<string, Connection>()

  const server: Server = createServer(
    {
      ...certificates.optionsFor(undefined, use),
      ticketKeys,
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: acceptance.limits.headTimeout,
      requestCert: config.clientCertificates !== undefined,
      rejectUnauthorized: config.clientCertificates?.require ?? false,
      SNICallback: (serverName, done) => {
        // A throw in here once ended processes (CVE-2026-21637), and no name is worth that.
        try {
          if (unknownName !== undefined && certificates.lacks(serverName)) unknownName(serverName)
          done(null, certificates.contextFor(serverName, use))
        } catch {
          done(null, undefined)
        }
      },
    },
    (socket) => {
      const ends = endsOf(socket)
      const connection = arriving.get(ends)
      if (connection === undefined) return void socket.destroy()
      arriving.delete(ends)
      socket.on('error', ignore)
      connection.tls = readConnectionTls(socket)
      ready(connection, socket)
    },
  )
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    const connection = arriving.get(endsOf(socket))
    acceptance.clientError(error.code ?? 'UNKNOWN', connection?.peer.text ?? '')
    socket.destroy()
    connection?.socket.destroy()
  })

  const proofs = createAlpnProofs(acceptance.limits.headTimeout)
  const shakeHands = ({ socket }: Connection): void => void server.emit('connection', socket)

  return {
    take(connection) {
      const ends = endsOf(connection.socket)
      arriving.set(ends, connection)
      connection.socket.once('close', () => {
        if (arriving.get(ends) === connection) arriving.delete(ends)
      })
      if (proofs.isPending) proofs.sort(connection.socket, () => shakeHands(connection))
      else shakeHands(connection)
    },
    setCertificates(store, clientCa) {
      certificates = store
      use = useOf(name, clientCa)
      // The default context, for clients that name no host. It also seals every ticket.
      server.setSecureContext({ ...store.optionsFor(undefined, use), ticketKeys })
    },
    setTicketKeys(keys) {
      ticketKeys = keys
      server.setTicketKeys(keys)
    },
    setProofs: proofs.set,
  }
}

// --- Internal ---

function ignore(): void {}

/** One session identity for each listener and set of authorities; see `ContextUse`. */
function useOf(listener: string, clientCa: string | undefined): ContextUse {
  const sessionIdContext = createHash('sha256')
    .update(`${listener}\n${clientCa ?? ''}`)
    .digest('base64')
    .slice(0, 32)
  return { sessionIdContext, clientCa }
}

function endsOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`
}
