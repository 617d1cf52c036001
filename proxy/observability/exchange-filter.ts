import { inNetworks, type Network, parseAddress, parseNetwork } from '../address.ts'
import type { ExchangeRecord } from './exchange-record.ts'

/** Which exchanges somebody wants to see. What is absent asks for all. Plain data: workers are told of it. */
export interface ExchangeFilter {
  /** Name of a route; `_other` where none matched. */
  readonly route?: string
  /** `404`, or a class: `5xx`. */
  readonly status?: string
  /** An address of clients, or a network of them. */
  readonly from?: string
}

type Asked = { readonly [Key in keyof ExchangeFilter]?: string | null }

/** Throws one sentence about what cannot be meant. Empty words count as none. */
export function readFilter({ route, status, from }: Asked): ExchangeFilter {
  if (route && route.length > 200) throw new Error('no route has so long a name')
  if (status && !/^[1-5](\d\d|xx)$/i.test(status))
    throw new Error(`"${status.slice(0, 20)}" is no status; write one such as 404, or a class such as 5xx`)
  return {
    route: route || undefined,
    status: status ? status.toLowerCase() : undefined,
    from: from ? networkIn(from) : undefined,
  }
}

export type ExchangeTest = (record: Pick<ExchangeRecord, 'route' | 'status' | 'clientAddress'>) => boolean

export function testOf({ route, status, from }: ExchangeFilter): ExchangeTest {
  const digit = status?.endsWith('xx') ? Number(status[0]) : undefined
  const code = status === undefined || digit !== undefined ? undefined : Number(status)
  const networks: Network[] = from === undefined ? [] : [parseNetwork(from)]
  return (record) => {
    if (route !== undefined && (record.route ?? '_other') !== route) return false
    if (code !== undefined && record.status !== code) return false
    if (digit !== undefined && Math.floor(record.status / 100) !== digit) return false
    if (networks.length === 0) return true
    const client = parseAddress(record.clientAddress)
    return client !== undefined && inNetworks(client, networks)
  }
}

function networkIn(text: string): string {
  const address = parseAddress(text)
  if (address !== undefined) return address.text
  try {
    parseNetwork(text)
    return text
  } catch {
    throw new Error(`"${text.slice(0, 60)}" is no address; write one such as 203.0.113.7 or 10.8.0.0/16`)
  }
}
