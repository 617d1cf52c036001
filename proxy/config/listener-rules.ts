import { inNetworks, parseAddress, parseNetwork } from '../address.ts'
import type { Draft } from './draft.ts'
import type { ListenerConfig } from './listener-schema.ts'
import { choose } from './mend.ts'
import type { Finding } from './problem.ts'
import { say } from './sentences.ts'
import type { Source } from './source.ts'

/** What listeners and the admin address owe each other: ports of their own, redirects that lead to TLS. */
export function checkListeners(draft: Draft, source: Source): Finding[] {
  return [...checkPorts(draft, source), ...checkEach(draft, source), ...checkAdmin(draft, source)]
}

/** Whether clients speak TLS there: what the file says, otherwise whether it is the listener named `https`. */
export function isEncrypted(name: string, listener: ListenerConfig): boolean {
  return listener.tls ?? name === 'https'
}

function checkEach({ listeners }: Draft, source: Source): Finding[] {
  return Object.entries(listeners).flatMap(([name, listener]) => {
    if (listener === undefined) return []
    const path = ['listeners', name]
    const findings: Finding[] = []
    if (listener.redirect !== undefined)
      findings.push(...checkRedirect(path, { from: name, to: listener.redirect }, listeners, source))
    if (listener.clientCertificates && !isEncrypted(name, listener)) {
      const message = 'asks for certificates on a listener without TLS'
      findings.push({ path: [...path, 'clientCertificates'], message, mend: 'add `tls: true`', at: 'key' })
    }
    return findings
  })
}

function checkRedirect(
  base: readonly string[],
  { from, to }: { from: string; to: string },
  listeners: Draft['listeners'],
  source: Source,
): Finding[] {
  const path = [...base, 'redirect']
  if (!Object.hasOwn(listeners, to))
    return [
      {
        path,
        ...say(source, path, 'is not a listener'),
        mend: mendName(source, path, to, Object.keys(listeners)),
      },
    ]
  const target = listeners[to]
  if (to === from)
    return [{ path, ...say(source, path, 'is this listener itself, so clients would go round for ever') }]
  if (target && !isEncrypted(to, target))
    return [{ path, ...say(source, path, `is a listener without TLS; add \`tls: true\` to listeners.${to}`) }]
  return []
}

/** A suggestion is made of the value, which is not told if it came from the environment. */
export function mendName(
  source: Source,
  path: Finding['path'],
  name: string,
  known: readonly string[],
): string | undefined {
  return source.isFromEnvironment(path) ? undefined : choose(name, known)
}

function checkPorts({ listeners, admin }: Draft, source: Source): Finding[] {
  const sockets = Object.entries(listeners).flatMap(([name, listener]) =>
    listener
      ? [{ path: ['listeners', name, 'port'], port: listener.port, address: listener.address, name }]
      : [],
  )
  if (admin && admin.socket === undefined)
    sockets.push({ path: ['admin', 'port'], port: admin.port, address: admin.address, name: 'admin' })
  return sockets.flatMap((socket, index) => {
    const taken = sockets.slice(0, index).find((other) => collide(socket, other))
    if (taken === undefined) return []
    const predicate = `is the port of \`${taken.name}\` already; give each a port of its own`
    return [{ path: socket.path, ...say(source, socket.path, predicate) }]
  })
}

interface Socket {
  readonly port: number
  readonly address: string
}

/** Port 0 is a free one each time. `::` takes every address, IPv4 too. */
function collide(a: Socket, b: Socket): boolean {
  if (a.port === 0 || a.port !== b.port) return false
  const [first, second] = [canonical(a.address), canonical(b.address)]
  if (first === second || first === '::' || second === '::') return true
  return (first === '0.0.0.0' && !second.includes(':')) || (second === '0.0.0.0' && !first.includes(':'))
}

function canonical(address: string): string {
  return address === 'localhost' ? '127.0.0.1' : (parseAddress(address)?.text ?? address)
}

const loopback = ['127.0.0.0/8', '::1'].map(parseNetwork)

/** Whether an address, or `localhost`, is this machine's own and no other can reach it. */
export function isLoopback(address: string): boolean {
  const parsed = parseAddress(address.replace(/^\[|\]$/g, ''))
  return address === 'localhost' || (parsed !== undefined && inNetworks(parsed, loopback))
}

/** The admin listener registers targets and shows every route: nobody but this machine may reach it. */
function checkAdmin({ admin }: Draft, source: Source): Finding[] {
  if (admin === undefined || admin.socket !== undefined || isLoopback(admin.address)) return []
  const path = ['admin', 'address']
  return [{ path, ...say(source, path, 'is not a loopback address; write 127.0.0.1, or give a `socket`') }]
}
