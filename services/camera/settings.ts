import { z } from 'zod'
import { positive, postgresAddress, wholeNumber } from '../shared/environment.ts'
import { placeSettings } from '../shared/serve.ts'

const MiB = 1024 ** 2

/** Bytes: smaller ones would make a crowd of rows of a recording. */
export const smallestChunk = 16 * 1024

/** `file_extension` of an upload, and what it is served as. */
export const mediaTypes = { webm: 'video/webm', mp4: 'video/mp4' } as const

/** The settings of this service. README.md lists them. */
export const cameraSettings = z
  .object({
    ...placeSettings.shape,
    DATA_DIR: z.string().default('data/camera'),
    DATABASE_URL: postgresAddress.optional(),
    PUBLIC_URL: z
      .url({ protocol: /^https$/, error: 'is not an https address, such as https://camera.example.com' })
      .optional(),

    SESSION_HOURS: positive.default(7 * 24),
    KEEP_DAYS: positive.default(30),
    UNFINISHED_HOURS: positive.default(48),
    MAX_CHUNK: positive.default(8 * MiB).refine((size) => size >= smallestChunk, `is below ${smallestChunk}`),
    MAX_RECORDING: positive.default(1024 * MiB),
    MAX_RECORDINGS: positive.default(1_000),
    SESSION_QUOTA: positive.default(4096 * MiB),
    TOTAL_QUOTA: positive.default(50 * 1024 * MiB),
    DISK_RESERVE: wholeNumber.default(512 * MiB),
    MAX_UPLOADS: positive.default(64),

    QUALITY_ENGINE: z.enum(['local', 'triton'], 'is neither local nor triton').optional(),
    QUALITY_GOOD: share(0.7),
    QUALITY_ACCEPTABLE: share(0.5),
    TRITON_URL: z
      .url({ protocol: /^https?$/, error: 'is not an address, such as http://127.0.0.1:8003' })
      .optional(),
    TRITON_MODEL: z
      .string()
      .regex(/^[\w.-]+$/, 'is not the name of a model')
      .default('efficient_fiqa'),
    TRITON_TENSORS: z.enum(['binary', 'json'], 'is neither binary nor json').default('binary'),
    TRITON_TIMEOUT: positive.default(3_000),
    TRITON_BATCH: positive.default(8),
  })
  .refine((settings) => settings.QUALITY_ENGINE !== 'triton' || settings.TRITON_URL !== undefined, {
    path: ['TRITON_URL'],
    message: 'the engine triton needs the address of its server, such as http://127.0.0.1:8003',
  })
  .refine((settings) => settings.QUALITY_ACCEPTABLE <= settings.QUALITY_GOOD, {
    path: ['QUALITY_ACCEPTABLE'],
    message: 'is above QUALITY_GOOD',
  })

export type CameraSettings = z.infer<typeof cameraSettings>

// --- internal ---

function share(otherwise: number) {
  return z
    .string()
    .regex(/^(0?\.\d+|[01])$/, 'is not a number from 0 to 1')
    .transform(Number)
    .default(otherwise)
}
