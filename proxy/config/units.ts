import { z } from 'zod'
import { parseNetwork } from '../address.ts'

/** A duration as people write it: `250ms`, `90s`, `10m`, `1h`, `7d`. In milliseconds once parsed. */
const durationWords = 'is not a duration; write a number and a unit, such as 250ms, 90s, 10m, 1h or 7d'
export const duration = z
  .string(durationWords)
  .regex(/^\d{1,12}(\.\d{1,3})?\s?(ms|s|m|h|d)$/, durationWords)
  .transform(parseDuration)
  .meta({ examples: ['90s', '10m'] })

/** A size as people write it: `512KB`, `10MB`, `1GB` (powers of 1024, as nginx and Docker mean them). In bytes. */
const sizeWords = 'is not a size; write a number and a unit, such as 512KB, 10MB or 1GB'
export const size = z
  .string(sizeWords)
  .regex(/^\d{1,12}(\.\d{1,3})?\s?([Bb]|[Kk][Bb]|[Mm][Bb]|[Gg][Bb])$/, sizeWords)
  .transform(parseSize)
  .meta({ examples: ['10MB', '1GB'] })

/** One address or network. Kept as text, parsed where it is used, checked here. */
export const network = z
  .string('is not an address or CIDR; write it as text, such as 10.0.0.0/8')
  .superRefine((text, context) => {
    const fault = findNetworkFault(text)
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
  })
  .meta({ examples: ['10.0.0.0/8', '192.168.1.20', '2001:db8::/32'] })

const unitsOfTime = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const unitsOfSize = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 } as const

/** Milliseconds. The text has been checked by the schema. */
function parseDuration(text: string): number {
  const unit = /[a-z]+$/.exec(text)?.[0] as keyof typeof unitsOfTime
  return Math.round(Number.parseFloat(text) * unitsOfTime[unit])
}

/** Bytes. The text has been checked by the schema. */
function parseSize(text: string): number {
  const unit = /[a-z]+$/i.exec(text)?.[0].toLowerCase() as keyof typeof unitsOfSize
  return Math.round(Number.parseFloat(text) * unitsOfSize[unit])
}

function findNetworkFault(text: string): string | undefined {
  try {
    parseNetwork(text)
    return undefined
  } catch (error) {
    // The message begins with the text itself, which may be a secret of the environment.
    const fault = (error as Error).message.slice(text.length + 3)
    return `${fault}${suggestNetwork(text)}`
  }
}

/** `10.0.0/8` was meant as `10.0.0.0/8`: the commonest slip, worth naming. */
function suggestNetwork(text: string): string {
  const [address = '', bits] = text.split('/')
  const parts = address.split('.').filter((part) => part !== '*')
  if (parts.length >= 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return ''
  if (bits !== undefined && !(/^\d{1,2}$/.test(bits) && Number(bits) <= 32)) return ''
  const whole = [...parts.map(Number), 0, 0, 0].slice(0, 4).join('.')
  return `; did you mean "${whole}/${bits ?? parts.length * 8}"?`
}
