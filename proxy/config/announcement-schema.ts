import { z } from 'zod'
import { targetAddress } from './patterns.ts'
import { editable } from './policy-schemas.ts'
import { duration } from './units.ts'

/** Fields that say who asks: the proxy alone says them, whoever announces. */
const target = editable.refine(
  (field) =>
    !/^(host|via|forwarded|x-forwarded-.*|x-real-ip|x-request-id)$/i.test(field.replaceAll('_', '-')),
  'is said by the proxy itself; leave it out',
)

/** What a service says of itself when it announces itself: the body of the PUT that registers and renews. */
const announcement = z.strictObject({
  url: targetAddress,
  ttl: duration
    .prefault('30s')
    .refine((value) => value >= 2_000 && value <= 3_600_000, 'is not between 2s and 1h'),
  weight: z.number().positive('is not above 0').max(1_000, 'is above 1000').default(1),
  state: z.enum(['ready', 'draining'], 'is neither ready nor draining').default('ready'),
  metadata: z
    .record(z.string().max(64), z.union([z.string().max(256), z.number(), z.boolean()]))
    .default({})
    .refine((value) => Object.keys(value).length <= 16, 'has more than 16 entries'),
  // A desktop asks for a password that its user never learns: the proxy shows it. Values are secrets, and nobody is
  // told them but the processes that send them.
  headers: z
    .record(
      target,
      z
        .string()
        .max(1024, 'is longer than 1024 characters')
        .regex(/^[\t\x20-\x7e]*$/, 'holds what no field may hold'),
    )
    .default({})
    .refine((value) => Object.keys(value).length <= 8, 'has more than 8 entries'),
})

/** `ttl` in milliseconds. */
export type Announcement = z.output<typeof announcement>

/** Answers the announcement, or a sentence for each mistake in it. */
export function readAnnouncement(body: unknown): { announcement: Announcement } | { faults: string[] } {
  const read = announcement.safeParse(body)
  if (read.success) return { announcement: read.data }
  return {
    faults: read.error.issues.map((issue) => {
      // Of a name that may not be, the reason lies one level deeper.
      const { message } = (issue.code === 'invalid_key' ? issue.issues[0] : undefined) ?? issue
      return `${issue.path.join('.') || 'body'}: ${message}`
    }),
  }
}
