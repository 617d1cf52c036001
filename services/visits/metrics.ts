import { counter, upGauge } from '../shared/metrics.ts'

/** The metrics of this service, beside those that every service has (`services/shared/`). */

export const counts = counter('visits_counts_total', 'Counts that were asked for with a good token.', {
  result: ['kept', 'failed'],
})

/** Of a count that is on this machine's disk: whether the last line could be written. */
export const storeUp = upGauge(
  'visits_store_up',
  'Whether the count can be kept: Redis answers within a second, or the disk took the last line.',
)

export const logins = counter('visits_logins_total', 'Sign-ins. `limited`: refused unread, after too many.', {
  result: ['right', 'wrong', 'limited', 'failed'],
})
