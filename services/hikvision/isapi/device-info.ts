import type { Isapi } from './client.ts'

export interface DeviceInfo {
  readonly name: string
  readonly model: string
  readonly serial: string
  readonly mac: string | undefined
  readonly firmware: string
}

/** Asks a device who it is. */
export async function readDeviceInfo(isapi: Isapi): Promise<DeviceInfo> {
  const info = await isapi.call({ method: 'GET', path: 'System/deviceInfo' })
  const text = (name: string) => (typeof info[name] === 'string' ? info[name].slice(0, 120) : '')
  const mac = text('macAddress').toLowerCase().replaceAll('-', ':')
  return {
    name: text('deviceName'),
    model: text('model'),
    serial: text('serialNumber'),
    mac: /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) ? mac : undefined,
    firmware: text('firmwareVersion'),
  }
}
