import { z } from 'zod'
import { jsonList, positive, postgresAddress, secret, wholeNumber } from '../shared/environment.ts'
import { placeSettings } from '../shared/serve.ts'
import { readOffset } from './events/time.ts'
import { blockListOf, type SenderRules } from './intake/senders.ts'

const MiB = 1024 ** 2

/** The settings of this service. README.md lists them. */
export const hikvisionSettings = z
  .object({
    ...placeSettings.shape,
    DATA_DIR: z.string().default('data/hikvision'),
    DATABASE_URL: postgresAddress.optional(),
    ADMIN_USER: z.string().default('admin'),
    ADMIN_PASSWORD: z
      .string('the password of the page, or ADMIN_PASSWORD_FILE that names its file')
      .min(8, 'is shorter than 8 characters'),
    SECRET_KEY: secret(),
    SESSION_HOURS: positive.default(12),

    MAX_BODY: positive.default(20 * MiB),
    SPOOL_LIMIT: positive.default(1024 * MiB),
    DISK_RESERVE: wholeNumber.default(512 * MiB),
    KEEP_DAYS: wholeNumber.default(0),
    LOG_KEEP_DAYS: positive.default(90),
    DEVICE_ZONE: z
      .string()
      .transform(readOffset)
      .refine((minutes) => minutes !== undefined, 'is not an offset such as +03:00')
      .optional(),

    ALLOW_FROM: jsonList.default([]).refine(areNetworks, 'holds what is neither an address nor a network'),
    ALLOW_SERIALS: jsonList.default([]),
    ALLOW_PATHS: jsonList
      .default([])
      .refine(
        (paths) => paths.every((path) => path.startsWith('/')),
        'holds a path that does not begin with /',
      ),
    PATH_SECRET: z
      .string()
      .regex(/^[\w.~-]{16,64}$/, 'is not 16 to 64 letters, digits, dots, dashes')
      .optional(),
    SENDER_USER: z.string().optional(),
    SENDER_PASSWORD: z.string().optional(),
    SENDER_AUTH: z.enum(['basic', 'digest', 'either'], 'is none of basic, digest, either').default('either'),
    DEVICE_RATE: wholeNumber.default(0),

    ISAPI_TIMEOUT: positive.default(10_000),
  })
  .refine(
    ({ SENDER_USER, SENDER_PASSWORD }) => (SENDER_USER === undefined) === (SENDER_PASSWORD === undefined),
    {
      path: ['SENDER_PASSWORD'],
      message: 'and SENDER_USER belong together; set both or neither',
    },
  )

export type HikvisionSettings = z.infer<typeof hikvisionSettings>

export function senderRules(settings: HikvisionSettings): SenderRules {
  const { SENDER_USER: user, SENDER_PASSWORD: password } = settings
  return {
    addresses: settings.ALLOW_FROM,
    serials: settings.ALLOW_SERIALS,
    paths: settings.ALLOW_PATHS,
    pathSecret: settings.PATH_SECRET,
    credentials:
      user === undefined || password === undefined
        ? undefined
        : { user, password, scheme: settings.SENDER_AUTH },
    rate: settings.DEVICE_RATE,
  }
}

// --- internal ---

function areNetworks(entries: readonly string[]): boolean {
  try {
    blockListOf(entries)
    return true
  } catch {
    return false
  }
}
