import type { LoadedConfig } from '../config/loaded.ts'
import { createGatehouse, type Gatehouse } from '../gatehouse.ts'
import type { LimitStore } from '../request/policies/context.ts'
import { memoryLimits } from '../request/policies/rate-limit.ts'

/**
 * The gatehouse of a configuration without sockets, counts or logs: what a command asks about it is answered by
 * the functions that would serve it. Throws a BuildError for what shows only when a table is built.
 */
export function buildOffline(
  config: LoadedConfig,
  onBackgroundError: (message: string) => void,
  limits: LimitStore = memoryLimits(),
): Gatehouse {
  return createGatehouse(config, {
    env: process.env,
    limits,
    observer: { started() {}, finished() {}, decided() {}, retried() {} },
    onBackgroundError,
  })
}
