import { z } from 'zod'
import { portNumber, positive, postgresAddress, secret, wholeNumber } from '../shared/environment.ts'
import { placeSettings } from '../shared/serve.ts'

const desktopPort = portNumber.refine((port) => port > 0, 'is not above 0')

/** What the environment says. */
const each = z.object({
  ...placeSettings.shape,
  /** Signs the cookie. The routes in routes.yaml verify it with the same one, and read it without spaces around it. */
  SESSION_KEY: z.preprocess((text) => (typeof text === 'string' ? text.trim() : text), secret(32)),
  /** Of the user `admin`, who is made while there is no user. */
  ADMIN_PASSWORD: z.string().min(8, 'is shorter than 8 characters').optional(),
  SESSION_HOURS: positive.default(12),
  /** `postgres://…`. Default: PGlite in DATA_DIR. */
  DATABASE_URL: postgresAddress.optional(),
  DATA_DIR: z.string().default('data/desktops'),
  /** The kinds of desktops, and the Docker hosts. Default: catalogue.yaml beside the program. */
  CATALOGUE: z.string().optional(),
  /** Of the Docker host where the catalogue names none. */
  DOCKER_SOCKET: z.string().default('/var/run/docker.sock'),
  /** Desktops that one person, and all together, may have running. */
  MAX_PER_USER: wholeNumber.default(3),
  MAX_DESKTOPS: wholeNumber.default(50),
  /** Seconds that nobody has a desktop open until it is stopped, and how long before that its user is told. 0: never. */
  IDLE_SECONDS: wholeNumber.default(3_600),
  IDLE_WARNING_SECONDS: wholeNumber.default(300),
  /** Seconds that a desktop may take until its page answers. */
  START_SECONDS: positive.default(90),
  /** Seconds between two looks at everything; what happens in between is heard of from Docker's events. */
  LOOK_SECONDS: positive.default(15),
  /** Ports of the Docker host for desktops, on loopback: the first and the last. */
  FIRST_PORT: desktopPort.default(7_000),
  LAST_PORT: desktopPort.default(8_000),
})

export const settings = each.refine(({ FIRST_PORT, LAST_PORT }) => FIRST_PORT <= LAST_PORT, {
  path: ['LAST_PORT'],
  message: 'is below FIRST_PORT',
})
