import type { Row } from '../row.ts'
import { policiesH1 } from './policies-h1.ts'
import { policiesH2 } from './policies-h2.ts'
import { relayH1 } from './relay-h1.ts'
import { relayTlsH1 } from './relay-tls-h1.ts'
import { relayTlsH2 } from './relay-tls-h2.ts'

/** All rows, in the order of the results. */
export const rows: readonly Row[] = [relayH1, relayTlsH1, relayTlsH2, policiesH1, policiesH2]
