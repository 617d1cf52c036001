import { z } from 'zod'
import { parseNetwork } from '../address.ts'

/** A duration as people write it: `250ms`, `90s`, `10m`, `1h`, `7d`. In milliseconds once parsed. */
export const duration = z
  .string()
  .regex(
    /^\d+(\.\d+)?\s*(ms|s|m|h|d)$/,
    'is not a duration; write a number and a unit, such as 250ms, 90s, 10m, 1h or 7d',
  )
  .transform(parseDuration)
  .meta({ examples: ['90s', '10m'] })

/** A size as people write it: `512KB`, `10MB`, `1GB` (powers of 1024, as nginx and Docker mean them). In bytes. */
export const size = z
  .string()
  .regex(
    /^\d+(\.\d+)?\s*(B|KB|MB|GB)$/i,
    'is not a size; write a number and a unit, such as 512KB, 10MB or 1GB',
  )
  .transform(parseSize)
  .meta({ examples: ['10MB', '1GB'] })

/** One address or network. Kept as text, parsed where it is used, checked here. */
export const network = z
  .string()
  .superRefine((text, context) => {
    try {
      parseNetwork(text)
    } catch (error) {
      context.addIssue({ code: 'custom', message: `${(error as Error).message}${suggestNetwork(text)}` })
    }
  })
  .meta({ examples: ['10.0.0.0/8', '192.168.1.20', '2001:db8::/32'] })

const unitsOfTime = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const unitsOfSize = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 } as const

/** Milliseconds. The text has been checked by the schema. */
export function parseDuration(text: string): number {
  const unit = /[a-z]+$/.exec(text)?.[0] as keyof typeof unitsOfTime
  return Math.round(Number.parseFloat(text) * unitsOfTime[unit])
}

/** Bytes. The text has been checked by the schema. */
export function parseSize(text: string): number {
  const unit = /[a-z]+$/i.exec(text)?.[0].toLowerCase() as keyof typeof unitsOfSize
  return Math.round(Number.parseFloat(text) * unitsOfSize[unit])
}

/** `10.0.0/8` was meant as `10.0.0.0/8`: the commonest slip, worth naming. */
function suggestNetwork(text: string): string {
  const [address = '', bits] = text.split('/')
  const parts = address.split('.')
  if (parts.length >= 4 || parts.some((part) => !/^\d{1,3}$/.test(part))) return ''
  const whole = [...parts, '0', '0', '0'].slice(0, 4).join('.')
  return `; did you mean "${whole}/${bits ?? parts.length * 8}"?`
}
