import { lookup as resolveName } from 'node:dns'
import { request } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { call, type Hub } from './call.ts'
import { noPicture, unanswered } from './setback.ts'

/**
 * Fetches a result that a provider keeps at an address of its own. That address comes from outside: it must be https and
 * public, or the answer of a provider could make this service read what only this machine can reach. The key of the hub is
 * not sent along. An address at the hub itself is believed.
 */
export async function fetchResult(hub: Hub, address: unknown, signal: AbortSignal): Promise<Buffer> {
  const url = typeof address === 'string' ? URL.parse(address) : null
  if (url === null) throw noPicture('no address of a result')
  if (url.origin === new URL(hub.url).origin) {
    const { body } = await call(hub, `${url.pathname}${url.search}`, { method: 'GET', signal })
    return body
  }
  if (url.protocol !== 'https:') throw noPicture(`a result at an address of ${url.protocol}`)
  return fetchPublic(url, hub, signal)
}

/** Whether an address may lie in a network that is not everybody's. */
export function isPrivate(address: string): boolean {
  const family = isIP(address)
  if (family === 0) return true
  return privateNetworks.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

// --- internal ---

function fetchPublic(url: URL, { timeout, mostBytes }: Hub, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(unanswered(error, (error as Error).name === 'TimeoutError'))
    const host = url.hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0 && isPrivate(host)) return fail(noPicture('a result at a private address'))
    const asked = request(url, {
      lookup: publicLookup,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
    })
    asked.on('error', fail)
    let isAnswered = false
    asked.on('response', (response) => {
      isAnswered = true
      if (response.statusCode !== 200) {
        response.destroy()
        return fail(noPicture(`${response.statusCode} from the address of the result`))
      }
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > mostBytes) response.destroy(noPicture(`more than ${mostBytes} bytes`))
        else chunks.push(chunk)
      })
      response.on('error', fail)
      response.on('end', () => resolve(Buffer.concat(chunks)))
    })
    // One that answers 101, which nobody asked for, is hung up on without a word.
    asked.on('close', () => isAnswered || fail(noPicture('no answer from the address of the result')))
    asked.end()
  })
}

/** Asked at the moment of connecting: a name could lead elsewhere a moment after it was checked. */
const publicLookup: LookupFunction = (name, options, done) => {
  resolveName(name, { ...options, all: true }, (error, addresses) => {
    if (error) return done(error, '', 0)
    const [first] = addresses
    if (first === undefined || addresses.some(({ address }) => isPrivate(address)))
      return done(new Error(`${name} is a private address`), '', 0)
    if (options.all) done(null, addresses)
    else done(null, first.address, first.family)
  })
}

const privateNetworks = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  privateNetworks.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  privateNetworks.addSubnet(network, prefix, 'ipv6')
