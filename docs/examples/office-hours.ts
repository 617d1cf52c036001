import { z } from 'zod'
import { definePolicy, deny, pass } from '../../proxy/extension.ts'

/**
 * A policy of one's own: a route that is open at certain hours only.
 *
 *     extensions:
 *       officeHours: docs/examples/office-hours.ts
 *     routes:
 *       - name: reports
 *         policies:
 *           officeHours: { from: "08:00", to: "18:30", days: [mon, tue, wed, thu, fri], timeZone: Europe/Berlin }
 *
 * A policy answers with a verdict and writes no response, so it holds for HTTP/1.1, HTTP/2 and WebSockets alike.
 * Every extension also takes `mode: observe`, with which a refusal is logged and lets pass.
 */
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'is not a time; write one such as "08:30"')

const timeZone = z.string().refine((name) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined
  } catch {
    return false
  }
}, 'is not a time zone; write one such as Europe/Berlin')

export default definePolicy({
  options: z.strictObject({
    from: time.default('09:00').describe('The first minute that is open.'),
    to: time.default('17:00').describe('The first minute that is closed again.'),
    days: z
      .array(z.enum(weekdays))
      .min(1)
      .default(['mon', 'tue', 'wed', 'thu', 'fri']),
    timeZone: timeZone.default('UTC'),
  }),

  // Called once for each route that uses it, whenever routes.yaml is read.
  create({ from, to, days, timeZone }) {
    const clock = new Intl.DateTimeFormat('en', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
    return {
      decide() {
        const parts = Object.fromEntries(clock.formatToParts().map(({ type, value }) => [type, value]))
        const day = String(parts.weekday).toLowerCase() as (typeof weekdays)[number]
        const now = `${parts.hour}:${parts.minute}`
        if (days.includes(day) && now >= from && now < to) return pass
        // The reason is for the log; the client reads only the text of the code.
        return deny('policy_denied', `closed on ${day} at ${now} (${timeZone})`)
      },
    }
  },
})
