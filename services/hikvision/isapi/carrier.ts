/** A request to a device, as bytes. */
export interface DeviceRequest {
  /** `http://192.168.1.64` or `https://…`, without a path. */
  readonly base: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** With its query: exactly what digest authentication signs. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** Milliseconds for all of it. */
  readonly timeout: number
}

export interface DeviceResponse {
  readonly status: number
  readonly type: string
  /** Every WWW-Authenticate field. */
  readonly challenges: readonly string[]
  readonly body: Buffer
}

/** Brings a request to a device, and its answer back: over the network, or through an agent beside it. Rejects with DeviceAway. */
export type Carry = (request: DeviceRequest) => Promise<DeviceResponse>

/** The device did not answer. It says nothing about what it did. */
export class DeviceAway extends Error {
  override readonly name = 'DeviceAway'
}
