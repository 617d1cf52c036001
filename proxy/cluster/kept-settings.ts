import { isDeepStrictEqual } from 'node:util'
import type { LoadedConfig } from '../config/loaded.ts'
import type { ListenerConfig } from '../config/schema.ts'

/** What a running Gatehouse keeps from its start, whatever a reload says: sockets, and Redis. */
export interface KeptSettings {
  readonly listeners: LoadedConfig['listeners']
  readonly admin: LoadedConfig['admin']
  readonly redis: LoadedConfig['redis']
}

export function keptSettings({ listeners, admin, redis }: LoadedConfig): KeptSettings {
  return { listeners, admin, redis }
}

/**
 * The configuration as far as it can be taken up without a restart, and what of it cannot, by its place:
 * `listeners.http.port`. What is about a listener and not about its socket, such as `redirect`, is taken up.
 */
export function withKept(
  config: LoadedConfig,
  kept: KeptSettings,
): { config: LoadedConfig; needRestart: string[] } {
  const needRestart: string[] = []
  const listeners: Record<string, ListenerConfig> = {}
  for (const [name, before] of Object.entries(kept.listeners)) {
    const after = config.listeners[name]
    if (after === undefined) needRestart.push(`listeners.${name} (still open)`)
    const merged: ListenerConfig = { ...(after ?? before) }
    for (const key of ofTheSocket) {
      if (isDeepStrictEqual(before[key], merged[key])) continue
      needRestart.push(`listeners.${name}.${key}`)
      keep(merged, before, key)
    }
    listeners[name] = merged
  }
  for (const name of Object.keys(config.listeners))
    if (kept.listeners[name] === undefined) needRestart.push(`listeners.${name} (not open yet)`)
  for (const key of ['admin', 'redis'] as const)
    if (!isDeepStrictEqual(config[key], kept[key])) needRestart.push(key)
  return {
    config: { ...config, listeners, admin: kept.admin, redis: kept.redis },
    needRestart,
  }
}

const ofTheSocket = ['port', 'address', 'tls', 'proxyProtocol', 'clientCertificates'] as const

function keep<Key extends keyof ListenerConfig>(into: ListenerConfig, from: ListenerConfig, key: Key): void {
  into[key] = from[key]
}
