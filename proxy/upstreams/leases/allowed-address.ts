import { realpathSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { sep } from 'node:path'
import { type ClientAddress, inNetworks, type Network, parseAddress, parseNetwork } from '../../address.ts'
import { type Admitted, type ConnectGuard, notAllowed, type TargetAddress } from '../connection-pool.ts'
import { findAddresses } from '../find-addresses.ts'
import { holdSocket } from './held-socket.ts'

/** Where the targets of an upstream's leases may lie. */
export interface AllowedAddresses {
  readonly networks: readonly Network[]
  /** Absolute folders of unix sockets. */
  readonly sockets: readonly string[]
  /** What this proxy listens on itself. */
  own(): OwnAddresses
}

export interface OwnAddresses {
  readonly ports: ReadonlySet<number>
  readonly sockets: ReadonlySet<string>
}

/**
 * A registration token could be stolen, so a lease is believed only within bounds: the networks of its upstream,
 * never this proxy's own ports (a request would go round and round, or reach the admin listener from its own
 * machine), never the metadata services of clouds.
 *
 * A name is judged by the addresses that the connection is made to. Judged once, at registration, it could be
 * pointed elsewhere a moment later (DNS rebinding). So could the path of a socket, by a link: the socket that was judged is
 * held, and is what the connection is made to.
 */
export function guardConnections(address: TargetAddress, allowed: AllowedAddresses): ConnectGuard {
  return {
    admit: (connect) => admit(address, allowed, connect),
    lookup(hostname, options, callback) {
      findAddresses(hostname, (error, found) => {
        if (error) return callback(error, '', 0)
        const good = found.filter((each) => !findFaultOfIp(each.address, address.port, allowed))
        const [first] = good
        if (first === undefined)
          return callback(notAllowed(`${hostname} is ${found[0]?.address}, which is not allowed`), '', 0)
        if (options.all) callback(null, good)
        else callback(null, first.address, first.family)
      })
    },
  }
}

/** For registration: as at connect, a name included. Answers a sentence, or undefined. */
export async function judgeAddress(
  address: TargetAddress,
  allowed: AllowedAddresses,
): Promise<string | undefined> {
  const admitted = admit(address, allowed, () => undefined)
  const fault = 'fault' in admitted ? admitted.fault : undefined
  if (fault !== undefined || address.socketPath !== undefined || parseAddress(address.host)) return fault
  return new Promise((resolve) => {
    findAddresses(address.host, (error, found) => {
      if (error) return resolve(`${address.host} cannot be resolved (${error.code})`)
      const faults = found.map((each) => findFaultOfIp(each.address, address.port, allowed))
      resolve(faults.find((each) => each !== undefined))
    })
  })
}

// --- internal ---

const never = [
  '169.254.0.0/16',
  'fe80::/10',
  'fd00:ec2::254',
  '0.0.0.0/8',
  '::',
  '224.0.0.0/4',
  'ff00::/8',
].map(parseNetwork)
const loopback = ['127.0.0.0/8', '::1'].map(parseNetwork)

function admit<Made>(
  { host, port, socketPath }: TargetAddress,
  allowed: AllowedAddresses,
  connect: (socketPath?: string) => Made,
): Admitted<Made> {
  if (socketPath !== undefined) return admitSocket(socketPath, allowed, connect)
  const fault = parseAddress(host) === undefined ? undefined : findFaultOfIp(host, port, allowed)
  return fault === undefined ? { made: connect() } : { fault }
}

function findFaultOfIp(text: string, port: number, { networks, own }: AllowedAddresses): string | undefined {
  const address = parseAddress(text)
  if (address === undefined) return `${text} is not an address`
  if (inNetworks(address, never)) return `${address.text} is no address of a service`
  if (!inNetworks(address, networks)) return `${address.text} lies outside the networks of the upstream`
  if (own().ports.has(port) && isOfThisMachine(address)) return `port ${port} is the proxy's own`
  return undefined
}

function isOfThisMachine(address: ClientAddress): boolean {
  if (inNetworks(address, loopback)) return true
  const own = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return own.some((each) => parseAddress(each.address)?.text === address.text)
}

function admitSocket<Made>(
  path: string,
  allowed: AllowedAddresses,
  connect: (socketPath: string) => Made,
): Admitted<Made> {
  const socket = holdSocket(path)
  if (socket === undefined) return { fault: `there is no socket ${path}` }
  try {
    const fault = findFaultOfSocket(path, socket.real, allowed)
    return fault === undefined ? { made: connect(socket.path) } : { fault }
  } finally {
    socket.release()
  }
}

/** `real`: where symbolic links lead, so that none leads out of the folders. */
function findFaultOfSocket(
  path: string,
  real: string,
  { sockets, own }: AllowedAddresses,
): string | undefined {
  if ([...own().sockets].some((each) => (realPathOf(each) ?? each) === real))
    return `${path} is the proxy's own`
  const inside = sockets.some((folder) => real.startsWith(`${realPathOf(folder) ?? folder}${sep}`))
  return inside ? undefined : `${path} lies outside the folders of sockets of the upstream`
}

function realPathOf(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}
