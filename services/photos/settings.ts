import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import {
  type Environment,
  EnvironmentError,
  jsonList,
  postgresAddress,
  readEnvironment,
  secret,
  wholeNumber,
} from '../shared/environment.ts'
import { placeSettings } from '../shared/serve.ts'
import { type Model, readModels } from './engines/models.ts'
import { formats } from './uploads/formats.ts'

/** Reads all settings at once. Throws an EnvironmentError that names every wrong one. */
export function readSettings(env: Environment = process.env) {
  const development = env.DEBUG === 'true'
  const read = readEnvironment(schemaFor(development), env)
  const dataDir = read.DATA_DIR
  const [uploads, results] = [
    read.UPLOAD_DIR ?? join(dataDir, 'uploads'),
    read.PROCESSED_DIR ?? join(dataDir, 'processed'),
  ]
  // One restoration has the same name in both.
  if (uploads === results)
    throw new EnvironmentError(['PROCESSED_DIR: is the folder of UPLOAD_DIR; give it one of its own'])
  return {
    ...read,
    UPLOAD_DIR: uploads,
    PROCESSED_DIR: results,
    DATABASE_DIR: join(dataDir, 'database'),
    development,
  }
}

// --- internal ---

/** What stands in examples is known to everybody. */
const knownPasswords = new Set([
  'changeme',
  'password',
  'admin',
  'secret',
  '12345678',
  'admin123',
  'use_a_strong_password_here',
])
const knownSecret = /change|your.?secret|generate_a|example|default|placeholder|^(.)\1*$/i

const [hour, megabyte] = [3_600_000, 1024 * 1024]

function schemaFor(development: boolean) {
  const key = secret(32).refine(
    (text) => development || !knownSecret.test(text),
    'is a default that everybody knows; make one with "openssl rand -base64 32"',
  )
  const password = z
    .string('the password of AUTH_USERNAME')
    .refine(
      (text) => development || (text.length >= 8 && !knownPasswords.has(text.toLowerCase())),
      'is a default that everybody knows, or shorter than 8 characters; choose another one',
    )
  return z.object({
    ...placeSettings.shape,
    /** `true` allows the defaults of a developer's machine. */
    DEBUG: z.enum(['true', 'false'], 'is neither true nor false').default('false'),
    APP_NAME: z.string().default('Photo Restoration API'),
    APP_VERSION: z.string().default('1.0.0'),
    CORS_ORIGINS: jsonList
      .refine(
        (origins) => origins.every((origin) => URL.parse(origin)?.origin === origin),
        'is not a list of origins, such as ["https://photos.example.com"]',
      )
      .default([]),
    SECRET_KEY: development ? key.default('for-development-only-0123456789abcdef') : key,
    ALGORITHM: z.enum(['HS256', 'HS384', 'HS512'], 'is none of HS256, HS384, HS512').default('HS256'),
    ACCESS_TOKEN_EXPIRE_MINUTES: positive().default(1_440),
    AUTH_USERNAME: z
      .string()
      .regex(/^[\w.@-]{1,64}$/, 'is not a name: letters, digits, . _ @ -')
      .default('admin'),
    AUTH_PASSWORD: development ? password.default('changeme') : password,
    HF_API_KEY: z
      .string()
      .regex(/^[\x21-\x7e]+$/, 'is not a key')
      .optional(),
    HF_API_URL: z
      .url({ protocol: /^https?$/, error: 'is not an http(s) address' })
      .transform((url) => url.replace(/\/+$/, ''))
      .default('https://router.huggingface.co'),
    HF_API_TIMEOUT: positive()
      .transform((seconds) => seconds * 1000)
      .default(60_000),
    MODELS_CONFIG: z
      .string()
      .default(fileURLToPath(new URL('models.json', import.meta.url)))
      .transform((file, context): readonly Model[] => {
        try {
          return readModels(file)
        } catch (error) {
          context.addIssue({ code: 'custom', message: (error as Error).message })
          return z.NEVER
        }
      }),
    DATABASE_URL: postgresAddress.optional(),
    DATA_DIR: z.string().default('data/photos').transform(absolute),
    UPLOAD_DIR: z.string().transform(absolute).optional(),
    PROCESSED_DIR: z.string().transform(absolute).optional(),
    MAX_UPLOAD_SIZE: positive().default(10 * megabyte),
    ALLOWED_EXTENSIONS: jsonList
      .refine(
        (list) => list.length > 0 && list.every((extension) => known.includes(extension.toLowerCase())),
        `is not a list of some of ${known.join(', ')}`,
      )
      .transform((list) => new Set(list.map((extension) => extension.toLowerCase())))
      .prefault('[".jpg",".jpeg",".png",".webp"]'),
    MAX_PIXELS: positive().default(25_000_000),
    MAX_CONCURRENT_UPLOADS: positive().default(3),
    MAX_QUEUE_LENGTH: positive().default(100),
    USER_QUOTA: positive().default(1024 * megabyte),
    MIN_FREE_SPACE: wholeNumber.default(100 * megabyte),
    WORKERS: positive().default(1),
    SESSION_CLEANUP_HOURS: positive()
      .transform((hours) => hours * hour)
      .default(24 * hour),
  })
}

const known = Object.values(formats).flatMap(({ extensions }) => extensions)

function positive() {
  return wholeNumber.refine((value) => value > 0, 'must be more than 0')
}

function absolute(folder: string): string {
  return isAbsolute(folder) ? folder : join(process.cwd(), folder)
}
