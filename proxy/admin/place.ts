import { lstat, mkdir, unlink } from 'node:fs/promises'
import type http from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { inNetworks, parseAddress, parseNetwork } from '../address.ts'

/** Where the admin listener is: a port of loopback, or a unix socket. Whoever reaches it is believed. */
export interface AdminPlace {
  readonly address: string
  readonly port: number
  /** Absolute path; then address and port count for nothing. */
  readonly socket?: string
}

export function isLoopbackAddress(text: string): boolean {
  const address = parseAddress(text)
  return address !== undefined && inNetworks(address, loopback)
}

/** Binds the server. Throws a sentence that a person can act on. Resolves to where it is, as a URL or `unix:/path`. */
export async function bindAdmin(server: http.Server, place: AdminPlace): Promise<string> {
  try {
    return place.socket === undefined ? await bindPort(server, place) : await bindSocket(server, place.socket)
  } catch (error) {
    throw explained(error as NodeJS.ErrnoException, place)
  }
}

// --- internal ---

const loopback = [parseNetwork('127.0.0.0/8'), parseNetwork('::1')]
const socketMode = 0o660

async function bindPort(server: http.Server, { address, port }: AdminPlace): Promise<string> {
  // Not left to the resolver: what `localhost` is can be changed by others.
  const host = address === 'localhost' ? '127.0.0.1' : address
  if (!isLoopbackAddress(host))
    throw new Error(
      `admin.address: "${address}" is not a loopback address; the admin listener asks nobody who they are, so it stays on 127.0.0.1, ::1 or a unix socket`,
    )
  // Exclusive: in a worker, the primary must not hand the port to the others.
  await listen(server, { host, port, exclusive: true })
  const bound = server.address()
  const given = typeof bound === 'object' && bound !== null ? bound.port : port
  return `http://${host.includes(':') ? `[${host}]` : host}:${given}`
}

async function bindSocket(server: http.Server, path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await removeStaleSocket(path)
  // From its first moment nobody but the owner and the group may connect. The bind is done when `listen` returns.
  const before = process.umask(0o777 & ~socketMode)
  const listening = listen(server, { path, exclusive: true })
  process.umask(before)
  await listening
  return `unix:${path}`
}

/** A process that was killed leaves its socket behind. One that still answers belongs to somebody. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found === undefined) return
  if (!found.isSocket())
    throw new Error(`admin.socket: ${path} is a file and not a socket; it stays untouched`)
  if (await isAnswered(path)) throw Object.assign(new Error('in use'), { code: 'EADDRINUSE' })
  await unlink(path)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    // Only a refusal proves that nobody is there; a full queue or a lack of permission does not.
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'))
  })
}

function listen(server: http.Server, options: Parameters<http.Server['listen']>[0]): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options as object, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function explained(error: NodeJS.ErrnoException, { address, port, socket }: AdminPlace): Error {
  const where = socket ?? `port ${port} of ${address}`
  const key = socket === undefined ? 'admin.port' : 'admin.socket'
  if (error.code === 'EADDRINUSE')
    return new Error(`${key}: ${where} is in use by another process; stop it or choose another`, {
      cause: error,
    })
  if (error.code === 'EACCES' || error.code === 'EPERM')
    return new Error(`${key}: ${where} may not be opened by this user; choose another`, { cause: error })
  if (error.code === 'EADDRNOTAVAIL')
    return new Error(`admin.address: this machine does not have ${address}`, { cause: error })
  if (error.code === undefined) return error
  return new Error(`${key}: ${where} cannot be opened (${error.code})`, { cause: error })
}
