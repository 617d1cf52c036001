import type { Socket } from 'node:net'
import { createSecureContext, createServer, type SecureContext } from 'node:tls'
import { peekClientHello } from './client-hello.ts'

/** A certificate that proves to an ACME authority that this listener is the one of the host (RFC 8737). */
export interface AlpnProof {
  /** In lower case. */
  readonly host: string
  /** PEM: certificate and key. */
  readonly pem: string
}

/** Answers the authority, and nobody else, while there is something to prove. */
export interface AlpnProofs {
  /** With nothing to prove no handshake is looked at. */
  readonly isPending: boolean
  set(proofs: readonly AlpnProof[]): void
  /** Looks at what the client offers, and answers it if it is the authority; `pass` gets everybody else, whole. */
  sort(socket: Socket, pass: () => void): void
}

const protocol = 'acme-tls/1'

/**
 * Node tells an SNICallback the name and not the protocol, and whoever names the host is mostly no authority: it must
 * not be shown a certificate that no browser believes. So the offer is read off the raw socket. `handshakeTimeout`:
 * milliseconds.
 */
export function createAlpnProofs(handshakeTimeout: number): AlpnProofs {
  let contexts: ReadonlyMap<string, SecureContext> = new Map()
  // It has no certificate of its own: a name that is not being proved ends in a failed handshake.
  const server = createServer(
    {
      ALPNProtocols: [protocol],
      handshakeTimeout,
      SNICallback: (name, done) => done(null, contexts.get(name.toLowerCase())),
    },
    // Nothing is spoken over it (RFC 8737 §3).
    (socket) => socket.on('error', ignore).end(),
  )
  server.on('tlsClientError', (_error, socket) => socket.destroy())

  return {
    get isPending() {
      return contexts.size > 0
    },
    set(proofs) {
      contexts = new Map(
        proofs.map(({ host, pem }) => [
          host,
          createSecureContext({ cert: pem, key: pem, minVersion: 'TLSv1.2' }),
        ]),
      )
    },
    sort(socket, pass) {
      peekClientHello(socket, (hello) => {
        if (socket.destroyed) return
        // The authority offers this one alone.
        const isAuthority =
          hello.state === 'complete' && hello.protocols.length === 1 && hello.protocols[0] === protocol
        if (isAuthority) server.emit('connection', socket)
        else pass()
      })
    },
  }
}

function ignore(): void {}
