import { parseAddress } from '../../proxy/address.ts'
import { type Facts, RawHeaderFields } from '../../proxy/request/facts.ts'

export interface SampleFacts extends Partial<Omit<Facts, 'client' | 'headers'>> {
  /** An address as text. */
  client?: string
  /** name, value, name, value, or a record where a name occurs once. */
  headers?: readonly string[] | Readonly<Record<string, string>>
}

/** Facts of a plain GET over TLS from 192.0.2.7, for tests that state only what they are about. */
export function sampleFacts({ client = '192.0.2.7', headers = [], ...rest }: SampleFacts = {}): Facts {
  const address = parseAddress(client)
  if (address === undefined) throw new Error(`"${client}" is no address`)
  const host = rest.host ?? 'photos.example'
  return {
    listener: 'https',
    secure: true,
    protocol: 'HTTP/1.1',
    upgrade: false,
    method: 'GET',
    host,
    authority: host,
    path: '/',
    query: '',
    params: {},
    ...rest,
    client: address,
    headers: new RawHeaderFields(Array.isArray(headers) ? headers : Object.entries(headers).flat()),
  }
}
