/** What a body says at its beginning about who sent it. Read in haste, without a parser, and not to be believed. */
export interface Glance {
  readonly mac: string | undefined
  readonly serial: string | undefined
}

/** The identity stands before the pictures, and mostly before everything else. */
const reach = 16_384
const macForm = /\bmacAddress["']?\s*[>:]\s*["']?([0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5})/
const serialForm =
  /\b(?:serialNumber|deviceUUID|deviceSerialNo)["']?(?:\s[^>]{0,200})?\s*[>:]\s*["']?([\w()./ -]{4,64})/

export function glanceAt(body: Buffer): Glance {
  const text = body.toString('latin1', 0, reach)
  return {
    mac: macForm.exec(text)?.[1]?.toLowerCase().replaceAll('-', ':'),
    serial: serialForm.exec(text)?.[1]?.trim(),
  }
}
