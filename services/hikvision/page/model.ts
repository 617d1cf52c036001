/** What the service answers, as far as the page shows it. Times are ISO 8601 in UTC. */
export interface DeviceEvent {
  readonly id: number
  readonly device: { readonly id: number | null; readonly name: string }
  readonly kind: string
  readonly title: string
  readonly state: string | null
  readonly received: string
  readonly happened: string | null
  readonly deviceTime: string | null
  readonly zoneGuessed: boolean
  readonly from: string
  readonly channel: number | null
  readonly channelName: string | null
  readonly person: { readonly number: string | null; readonly name: string | null } | null
  readonly card: string | null
  readonly door: number | null
  readonly outcome: 'granted' | 'denied' | null
  readonly plate: string | null
  readonly target: string | null
  readonly replayed: boolean
  readonly posts: number
  readonly pictures: readonly { readonly name: string; readonly path: string }[]
  readonly understood: boolean
  readonly reason: string | null
}

export interface Device {
  readonly id: number
  readonly name: string
  readonly key: string | null
  readonly mac: string | null
  readonly serial: string | null
  readonly model: string | null
  readonly firmware: string | null
  readonly sendsFrom: string | null
  readonly saysAddress: string | null
  readonly lastSeen: string | null
  readonly lastEvent: string | null
  /** Milliseconds ahead of the server. */
  readonly drift: number | null
  readonly base: string | null
  readonly login: string | null
  readonly hasPassword: boolean
  readonly agent: number | null
  readonly state: 'unknown' | 'ok' | 'away' | 'refused'
  readonly stateReason: string | null
  readonly jobs: { readonly waiting: number; readonly failed: number }
}

export interface Agent {
  readonly id: number
  readonly name: string
  readonly lastSeen: string | null
  readonly isConnected: boolean
}

export interface PersonOnDevice {
  readonly device: number
  readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled' | 'replaced'
  readonly reason: string | null
  readonly attempts: number
}

export interface Person {
  readonly number: string
  readonly name: string
  readonly type: 'normal' | 'visitor' | 'blackList'
  readonly validFrom: string
  readonly validTo: string
  readonly doors: readonly number[]
  readonly cards: readonly string[]
  readonly face: string | null
  readonly devices: readonly PersonOnDevice[]
}

export interface Job {
  readonly id: number
  readonly device: number
  readonly personNumber: string
  readonly personName: string
  readonly kind: 'put' | 'remove'
  readonly state: PersonOnDevice['state']
  readonly attempts: number
  readonly nextAt: string
  readonly reason: string | null
  readonly createdAt: string
  readonly finishedAt: string | null
}

export function deviceName({ name, key, base }: Device): string {
  return name || key?.replace(/^(mac|serial|address):/, '') || base || 'Device without a name'
}
