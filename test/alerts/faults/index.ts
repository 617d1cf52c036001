import { badConfiguration, certificateEnded, certificateEnds } from './changes.ts'
import type { Fault } from './fault.ts'
import { flood } from './flood.ts'
import { clockWrong, diskFull, down, workerKilled, workersMissing } from './machine.ts'
import { dockerAway, eventsWait, modelAway, photosWait, serviceSilent, storeAway } from './own-metrics.ts'
import { away, errors, overloaded, postgresAway, redisAway, slow, targetUnwell } from './services.ts'

/** All that is broken on purpose. Each alert has at least one; those of a game day come first. */
export const faults: readonly Fault[] = [
  certificateEnded,
  diskFull,
  slow,
  redisAway,
  postgresAway,
  badConfiguration,
  workerKilled,
  flood,
  clockWrong,
  down,
  errors,
  away,
  targetUnwell,
  certificateEnds,
  overloaded,
  workersMissing,
  serviceSilent,
  storeAway,
  photosWait,
  eventsWait,
  modelAway,
  dockerAway,
]
