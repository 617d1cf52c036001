import ipaddr from 'ipaddr.js'

/**
 * A client's address, parsed and normalised once per connection.
 *
 * `::ffff:10.0.0.5` and `10.0.0.5` are one client: an IPv4 rule that misses the mapped form is a hole
 * (a dual-stack listener sees every IPv4 peer in the mapped form).
 */
export interface ClientAddress {
  /** Canonical text: dotted IPv4, or RFC 5952 IPv6 without a zone. */
  readonly text: string
  readonly ip: IpAddress
}

export type IpAddress = ipaddr.IPv4 | ipaddr.IPv6

/**
 * A network in CIDR form, with the number of leading bits that count.
 */
export interface Network {
  readonly ip: IpAddress
  readonly bits: number
}

/** Parses one address. Answers undefined for anything that is not exactly one IPv4 or IPv6 address. */
export function parseAddress(text: string): ClientAddress | undefined {
  const zone = text.indexOf('%')
  const bare = zone === -1 ? text : text.slice(0, zone)
  // ipaddr.js also reads "127.1", "0x7f000001" and "017700000001" as IPv4; other readers differ on those.
  if (!bare.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(bare)) return undefined
  if (!ipaddr.isValid(bare)) return undefined
  const ip = ipaddr.process(bare)
  return { text: ip.toString(), ip }
}

/** Parses `10.0.0.0/8`, `2001:db8::/32` or a lone address. Throws a sentence that a person can act on. */
export function parseNetwork(text: string): Network {
  const [address = '', bits, ...rest] = text.split('/')
  const parsed = parseAddress(address)
  if (!parsed || rest.length > 0 || address.includes('%'))
    throw new Error(`"${text}" is not an address or CIDR`)
  const size = parsed.ip.kind() === 'ipv4' ? 32 : 128
  if (bits === undefined) return { ip: parsed.ip, bits: size }
  if (!/^\d{1,3}$/.test(bits)) throw new Error(`"${text}" is not an address or CIDR`)
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8 written in the mapped form.
  const mapped = size === 32 && address.includes(':')
  const length = Number(bits) - (mapped ? 96 : 0)
  if (length < 0 || length > size) throw new Error(`"${text}" has a prefix length outside 0 to ${size}`)
  return { ip: parsed.ip, bits: length }
}

/**
 * Who is behind the address, for counting: an IPv6 /64 is one client, because a single subscriber has 2^64
 * addresses to choose from. Read from the parsed groups, because express-rate-limit's `ipKeyGenerator` would parse
 * the text again, for 11 µs.
 */
export function subscriberOf({ text, ip }: ClientAddress): string {
  if ('octets' in ip) return text
  return `${ip.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`
}

/** Whether the address lies in one of the networks. */
export function inNetworks(address: ClientAddress, networks: readonly Network[]): boolean {
  for (const network of networks) {
    if (network.ip.kind() !== address.ip.kind()) continue
    if (address.ip.match(network.ip as ipaddr.IPv4 & ipaddr.IPv6, network.bits)) return true
  }
  return false
}
