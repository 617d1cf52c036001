import { EnvironmentError } from './environment.ts'
import type { Logger } from './logger.ts'
import type { Service } from './serve.ts'

/**
 * The frame of a service's `main.ts`: runs `begin`, and ends the process with a message that can be acted on if that
 * fails: code 2 for settings that are wrong, where trying again cannot help, 1 for what may be gone the next time.
 */
export async function start(log: Logger, begin: () => Promise<Service>): Promise<void> {
  // Whatever was thrown where nobody caught it: its request is lost, and everybody else's goes on.
  process.on('unhandledRejection', (error) => log.error('something was thrown that nobody caught', { error }))
  process.on('uncaughtException', (error) => {
    log.error('something was thrown that nobody caught, so the service stops', { error })
    process.exit(1)
  })
  try {
    const { url, announced, metrics } = await begin()
    const told =
      announced === undefined ? 'and told nobody: GATEHOUSE_TOKEN is not set' : 'and announces itself'
    log.info(`serves ${url} ${told}`)
    if (metrics !== undefined) log.info(`its metrics are at ${metrics}`)
  } catch (error) {
    if (error instanceof EnvironmentError) {
      for (const problem of error.problems) log.error(`setting ${problem}`)
      process.exit(2)
    }
    log.error('cannot start', { error })
    process.exit(1)
  }
}
