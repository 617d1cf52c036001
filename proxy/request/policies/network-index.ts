import { type ClientAddress, type IpAddress, parseNetwork } from '../../address.ts'

/** Answers the network that the address lies in, as it was written, or undefined. */
export type FindNetwork = (address: ClientAddress) => string | undefined

/**
 * Parses a list of addresses and networks once, for lists of any length: two CIDR blocks are either nested or
 * apart, so without the nested ones they sort into ranges that a binary search finds. Throws a sentence.
 */
export function indexNetworks(texts: readonly string[]): FindNetwork {
  const ranges = texts.map(rangeOf)
  const four = withoutNested(ranges.filter((range) => range.first.length === 4))
  const six = withoutNested(ranges.filter((range) => range.first.length === 8))
  return function findNetwork(address) {
    const digits = digitsOf(address.ip)
    return search(digits.length === 4 ? four : six, digits)
  }
}

/** Bounds as digits, most significant first: four bytes of IPv4, or eight 16-bit groups of IPv6. */
interface Range {
  text: string
  first: readonly number[]
  last: readonly number[]
}

function search(ranges: readonly Range[], digits: readonly number[]): string | undefined {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare((ranges[middle] as Range).first, digits) > 0) high = middle
    else low = middle + 1
  }
  const candidate = ranges[low - 1]
  return candidate && compare(candidate.last, digits) >= 0 ? candidate.text : undefined
}

function rangeOf(text: string): Range {
  const { ip, bits } = parseNetwork(text)
  const digits = digitsOf(ip)
  const width = digits.length === 4 ? 8 : 16
  const ones = 2 ** width - 1
  const first: number[] = []
  const last: number[] = []
  digits.forEach((digit, index) => {
    const free = Math.min(width, Math.max(0, (index + 1) * width - bits))
    const host = 2 ** free - 1
    first.push(digit & (ones ^ host))
    last.push(digit | host)
  })
  return { text, first, last }
}

function withoutNested(ranges: readonly Range[]): Range[] {
  const wideFirst = [...ranges].sort((a, b) => compare(a.first, b.first) || compare(b.last, a.last))
  const kept: Range[] = []
  for (const range of wideFirst) {
    const before = kept.at(-1)
    if (!before || compare(before.last, range.last) < 0) kept.push(range)
  }
  return kept
}

function digitsOf(ip: IpAddress): readonly number[] {
  return 'octets' in ip ? ip.octets : ip.parts
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return 0
}
