import { counter, gauge, histogram } from '../shared/metrics.ts'

/** The metrics of this service, beside those that every service has (`services/shared/`). */

/** Who restores: the provider of a model. `none`: of a model that is offered no longer. */
const engines = ['local', 'hf-inference', 'fal-ai', 'replicate', 'none'] as const

export const uploads = counter(
  'photos_uploads_total',
  'Pictures that were sent. `refused`: the sender has to act; `failed`: there was no room, or a fault here.',
  { result: ['taken', 'refused', 'failed'] },
)
export const uploadedBytes = counter(
  'photos_upload_bytes_total',
  'Bytes of pictures that came, refused ones too.',
  {},
)

export const jobs = gauge('photos_jobs', 'Restorations in the database, of all processes, by state.', [
  'state',
])
export const oldestJob = gauge(
  'photos_oldest_waiting_seconds',
  'How long the restoration has waited that waits longest. 0 where none does.',
)

export const restorations = counter(
  'photos_restorations_total',
  'Restorations that ended here, but for those that their owner deleted.',
  { engine: engines, outcome: ['done', 'failed'] },
)
export const restorationSeconds = histogram(
  'photos_restoration_duration_seconds',
  'How long a restoration that succeeded took, from its beginning.',
  { engine: engines },
)
export const stepSeconds = histogram(
  'photos_step_duration_seconds',
  'How long each step of a restoration took: those of the local engine, and `model`, the answer of Hugging Face.',
  { step: ['scratches', 'denoise', 'colour', 'contrast', 'sharpen', 'upscale', 'save', 'model'] },
)
export const engineFailures = counter(
  'photos_engine_failures_total',
  'Why restorations failed. `unavailable`: not now, or no memory; `late`: it took too long; `full`: the disk.',
  { engine: engines, reason: ['broken', 'unavailable', 'late', 'full'] },
)
