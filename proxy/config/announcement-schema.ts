import { z } from 'zod'
import { targetAddress } from './patterns.ts'
import { duration } from './units.ts'

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
})

/** `ttl` in milliseconds. */
export type Announcement = z.output<typeof announcement>

/** Answers the announcement, or a sentence for each mistake in it. */
export function readAnnouncement(body: unknown): { announcement: Announcement } | { faults: string[] } {
  const read = announcement.safeParse(body)
  if (read.success) return { announcement: read.data }
  return { faults: read.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`) }
}
