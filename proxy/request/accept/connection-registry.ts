import { subscriberOf } from '../../address.ts'
import type { Connection, ConnectionProtocol } from './connection.ts'

export interface ConnectionCount {
  listener: string
  protocol: ConnectionProtocol
  open: number
}

/** Every open connection of this process, and how many each client has. */
export interface ConnectionRegistry {
  readonly open: ReadonlySet<Connection>
  add(connection: Connection): void
  /**
   * Counts the connection for its client, of whom an IPv6 /64 is one. Answers false past `most` (0 is no limit).
   * Once per connection.
   */
  admit(connection: Connection, most: number): boolean
  counts(): ConnectionCount[]
  /** Kept once no connection is open. */
  empty(): Promise<void>
}

export function createConnectionRegistry(): ConnectionRegistry {
  const open = new Set<Connection>()
  const perClient = new Map<string, number>()
  let waiting: (() => void)[] = []

  return {
    open,
    add(connection) {
      open.add(connection)
      connection.socket.once('close', () => {
        open.delete(connection)
        if (open.size > 0) return
        for (const resolve of waiting) resolve()
        waiting = []
      })
    },
    admit(connection, most) {
      const client = subscriberOf(connection.peer)
      const count = perClient.get(client) ?? 0
      if (most > 0 && count >= most) return false
      perClient.set(client, count + 1)
      connection.socket.once('close', () => {
        const left = (perClient.get(client) ?? 1) - 1
        if (left === 0) perClient.delete(client)
        else perClient.set(client, left)
      })
      return true
    },
    counts() {
      const counts = new Map<string, ConnectionCount>()
      for (const { listener, protocol } of open) {
        const key = `${listener.name} ${protocol}`
        const count = counts.get(key)
        if (count === undefined) counts.set(key, { listener: listener.name, protocol, open: 1 })
        else count.open += 1
      }
      return [...counts.values()]
    },
    empty: () => (open.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  }
}
