import type { AddressInfo, ListenOptions, Server } from 'node:net'
import type { Listener } from './incoming.ts'

/** Connections that may wait for us in the kernel; it has its own ceiling (net.core.somaxconn). */
const backlog = 4096

/**
 * Starts to listen and writes down the real port. Throws one sentence that says what to do if it cannot.
 */
export function bind(server: Server, listener: Listener): Promise<void> {
  const { address, port } = listener.config
  const options: ListenOptions = { port, backlog }
  // Without a host Node takes `::`, and 0.0.0.0 on a machine that has no IPv6.
  if (address !== '::') options.host = address
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(explain(error, listener))
    server.once('error', failed)
    server.listen(options, () => {
      server.off('error', failed)
      // An error after this would be a passing one of `accept`, such as too many open files.
      server.on('error', () => {})
      listener.port = (server.address() as AddressInfo).port
      resolve()
    })
  })
}

function explain(error: NodeJS.ErrnoException, { name, config }: Listener): Error {
  const { address, port } = config
  const variable = `${name.toUpperCase().replaceAll('-', '_')}_PORT`
  const where = `listener ${name}:`
  switch (error.code) {
    case 'EADDRINUSE':
      return new Error(
        `${where} port ${port} is already in use by another process; choose another with ${variable} or stop it`,
        { cause: error },
      )
    case 'EACCES':
      return new Error(
        `${where} port ${port} may not be opened by this user; choose one above 1023 with ${variable}, let systemd open it (AmbientCapabilities=CAP_NET_BIND_SERVICE or a socket unit), or run \`sudo setcap cap_net_bind_service=+ep\` on the node binary`,
        { cause: error },
      )
    case 'EADDRNOTAVAIL':
      return new Error(`${where} ${address} is not an address of this machine`, { cause: error })
    case 'ENOTFOUND':
      return new Error(`${where} ${address} is not an address, and no name that can be resolved`, {
        cause: error,
      })
    default:
      return new Error(`${where} cannot listen on ${address} port ${port}: ${error.message}`, {
        cause: error,
      })
  }
}
