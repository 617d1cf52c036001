import { createServer } from 'node:http'
import { z } from 'zod'
import { readEnvironment, secret, wholeNumber } from '../shared/environment.ts'
import { createLogger } from '../shared/logger.ts'
import { placeSettings, serve } from '../shared/serve.ts'
import { start } from '../shared/start.ts'
import { createVisits } from './app.ts'
import { openJournal } from './counter-journal.ts'
import { countInRedis } from './counter-redis.ts'
import { storeUp } from './metrics.ts'
import { openUsers } from './open-users.ts'
import { connectRedis } from './redis-line.ts'
import { createTokens } from './token.ts'
import { addFirstUser, newPassword, userName, usersSettings } from './users.ts'

const settings = z.object({
  ...placeSettings.shape,
  ...usersSettings.shape,
  /** Signs tokens. The route in routes.yaml verifies them with the same one, and reads it without spaces around it. */
  SECRET_KEY: z.preprocess((text) => (typeof text === 'string' ? text.trim() : text), secret(32)),
  /** `redis://…`: counts there instead of in DATA_DIR. */
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'is not of the form redis://… or rediss://…')
    .optional(),
  /** Milliseconds that a visit waits for a Redis that is away. */
  REDIS_PATIENCE: wholeNumber.default(8_000),
  /** Made on the first start, while there is no user. */
  FIRST_USER: userName.default('admin'),
  FIRST_PASSWORD: newPassword.optional(),
})

const log = createLogger({ service: 'visits' })

await start(log, async () => {
  const { SECRET_KEY, REDIS_URL, REDIS_PATIENCE, FIRST_USER, FIRST_PASSWORD, ...places } =
    readEnvironment(settings)
  const users = await openUsers(places, log)
  await addFirstUser(users, { name: FIRST_USER, password: FIRST_PASSWORD }, log)
  const line =
    REDIS_URL === undefined ? undefined : await connectRedis(REDIS_URL, log, { patience: REDIS_PATIENCE })
  const counter = line === undefined ? await openJournal(places.DATA_DIR, log) : countInRedis(line, log)
  storeUp.read(counter.canKeep)
  const server = createServer(createVisits({ users, counter, tokens: createTokens(SECRET_KEY), log, line }))
  return serve({
    server,
    upstream: 'visits',
    async onStopped() {
      await counter.close()
      line?.close()
      await users.close()
    },
  })
})
