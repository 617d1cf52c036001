import { signToken } from '../load/token.ts'
import type { Bench, Measure } from '../row.ts'
import { prepareRelay } from './relay.ts'

/** Relays with every policy of Gatehouse on, and with a token that all contenders are sent. */
export function preparePolicies(bench: Bench, load: 'tls-h1' | 'tls-h2'): Promise<Measure> {
  return prepareRelay(bench, {
    load,
    setup: ({ name }) => ({ policies: name === 'gatehouse' }),
    headers: { authorization: `Bearer ${signToken('somebody')}` },
  })
}
