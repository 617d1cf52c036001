import { counter, gauge, histogram } from '../shared/metrics.ts'

/** The metrics of this service, beside those that every service has (`services/shared/`). No label names a desktop: they are people's. */

export const desktops = gauge(
  'desktops_desktops',
  'Desktops that people have, by state and Docker host; `none`: they have not been given one yet.',
  ['state', 'host'],
)
export const placesFree = gauge(
  'desktops_places_free',
  'How many more may run: MAX_DESKTOPS less those that are wanted.',
)
export const hostUp = gauge(
  'desktops_docker_host_up',
  'Whether a Docker host answered when it was looked at last: 1, or 0.',
  ['host'],
)

export const startSeconds = histogram(
  'desktops_start_duration_seconds',
  'From when a desktop was asked for until its page answered.',
  {},
  [0.5, 1, 2, 3, 5, 10, 20, 30, 60, 90, 180, 600],
)
export const failures = counter(
  'desktops_failures_total',
  'Attempts at a desktop that failed. `ended`: by itself, soon after it was started; `silent`: its page did not answer; `away`: Docker.',
  {
    reason: [
      'away',
      'image_missing',
      'disk_full',
      'no_host',
      'no_port',
      'ended',
      'silent',
      'not_offered',
      'other',
    ],
  },
)
export type FailureReason = Parameters<typeof failures.add>[0]['reason']

export const orphansRemoved = counter(
  'desktops_orphans_removed_total',
  'Containers that were removed because no desktop belonged to them.',
  {},
)
