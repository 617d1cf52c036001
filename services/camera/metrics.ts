import { counter, gauge, histogram, upGauge } from '../shared/metrics.ts'

/** The metrics of this service, beside those that every service has (`services/shared/`). */

const engines = ['local', 'triton'] as const

export const checks = counter(
  'camera_quality_checks_total',
  'Pictures that were judged: `good`, `acceptable`, `poor`; or not: the engine was `away`, `overloaded` or `wrong`, or it was no picture that can be judged (`refused`).',
  {
    engine: engines,
    outcome: ['good', 'acceptable', 'poor', 'away', 'overloaded', 'wrong', 'refused'],
  },
)
export const checkSeconds = histogram(
  'camera_quality_check_duration_seconds',
  'How long it took to judge a picture, waiting included.',
  { engine: engines },
)
export const engineUp = upGauge(
  'camera_engine_up',
  'Whether what judges pictures answers: Triton and its model, or this process itself.',
)

export const chunks = counter(
  'camera_chunks_total',
  'Chunks of recordings. `repeated`: it was here already; `refused`: the sender has to act; `failed`: there was no room, or a fault here.',
  { result: ['stored', 'repeated', 'refused', 'failed'] },
)
export const chunkBytes = counter('camera_chunk_bytes_total', 'Bytes of chunks that were stored.', {})
export const recordings = gauge(
  'camera_recordings',
  'Recordings in the database, by state: `receiving` are those that have not come to their end.',
  ['state'],
)
