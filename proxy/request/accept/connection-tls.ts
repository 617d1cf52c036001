import type { TLSSocket } from 'node:tls'
import type { ConnectionTls } from './incoming.ts'

/** Facts of a TLS connection whose handshake is through. Once per connection: some of it is costly. */
export function readConnectionTls(socket: TLSSocket): ConnectionTls {
  return {
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().standardName,
    serverName: serverNameOf(socket),
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '',
    resumed: socket.isSessionReused(),
    // One that no authority of ours has signed says nothing, so it is not handed on (`require: false`).
    clientCertificate: socket.authorized ? clientCertificateOf(socket) : undefined,
  }
}

function serverNameOf(socket: TLSSocket): string {
  // Node's types leave `servername` out of the server's side. It is false where the client named nobody.
  const { servername } = socket as { servername?: string | false }
  return typeof servername === 'string' ? servername.toLowerCase() : ''
}

function clientCertificateOf(socket: TLSSocket): ConnectionTls['clientCertificate'] {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  return {
    // Undefined where the certificate has none, whatever its type says.
    subject: (certificate.subject as string | undefined)?.split('\n').join(', ') ?? '',
    fingerprint: certificate.fingerprint256,
    serial: certificate.serialNumber,
  }
}
