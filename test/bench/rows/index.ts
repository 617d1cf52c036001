import type { Row } from '../row.ts'
import { bodies } from './bodies.ts'
import { eventStreams } from './event-streams.ts'
import { tlsHandshakes } from './handshakes.ts'
import { latency } from './latency.ts'
import { leases } from './leases.ts'
import { policiesH1 } from './policies-h1.ts'
import { policiesH2 } from './policies-h2.ts'
import { relayH1 } from './relay-h1.ts'
import { relayTlsH1 } from './relay-tls-h1.ts'
import { relayTlsH2 } from './relay-tls-h2.ts'
import { reload } from './reload.ts'
import { routes } from './routes.ts'
import { slowReaders } from './slow-readers.ts'
import { start } from './start.ts'
import { tokens } from './tokens.ts'
import { tunnelEcho } from './tunnel-echo.ts'
import { idleTunnels } from './tunnels.ts'
import { workers } from './workers.ts'

/** All rows, in the order of the results. */
export const rows: readonly Row[] = [
  relayH1,
  relayTlsH1,
  relayTlsH2,
  policiesH1,
  policiesH2,
  bodies,
  start,
  latency,
  tlsHandshakes,
  tokens,
  routes,
  workers,
  reload,
  leases,
  eventStreams,
  tunnelEcho,
  idleTunnels,
  slowReaders,
]
