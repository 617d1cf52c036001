import { text } from 'node:stream/consumers'
import { Command } from 'commander'
import { EnvironmentError, readEnvironment } from '../shared/environment.ts'
import { createLogger } from '../shared/logger.ts'
import { hashPassword, readablePassword } from '../shared/password.ts'
import { openUsers } from './open-users.ts'
import { newPassword, userName, usersSettings } from './users.ts'

/**
 * `npm run visits:user -- NAME`: adds a user, or gives one another password. It writes where the service reads, by the
 * same settings, and the service knows it at once. Exit codes: 0 done, 1 not done, 2 a call or a setting is wrong.
 */

interface Options {
  stdin?: boolean
  remove?: boolean
  json?: boolean
}

const command = new Command('visits:user')
  .description('Adds a user of the visits service, or gives one another password.')
  .argument('<name>', '1 to 64 letters, digits, and . _ @ -')
  .option('--stdin', 'read the password from standard input; otherwise one is made and shown')
  .option('--remove', 'take the user away; tokens that are out stay good for their hour')
  .option('--json', 'answer as JSON')
  .addHelpText(
    'after',
    '\nUsers are kept in DATA_DIR (data/visits), or in Postgres if DATABASE_URL is set.\nExamples:\n  npm run visits:user -- alice\n  npm run visits:user -- alice --stdin < password.txt',
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .action(run)

try {
  await command.parseAsync()
} catch (error) {
  const problems = error instanceof EnvironmentError ? error.problems : [(error as Error).message]
  for (const problem of problems) console.error(`visits:user: ${problem}`)
  process.exitCode = error instanceof EnvironmentError ? 2 : 1
}

// --- internal ---

async function run(given: string, { stdin, remove, json }: Options): Promise<void> {
  const name = userName.safeParse(given)
  if (!name.success)
    throw new EnvironmentError([`${JSON.stringify(given)}: ${name.error.issues[0]?.message}`])
  const user = name.data
  const users = await openUsers(readEnvironment(usersSettings), createLogger({ service: 'visits:user' }))
  try {
    if (remove) {
      const was = await users.remove(user)
      if (!was) process.exitCode = 1
      say(was ? `${user} is taken away` : `There is no user ${user}`, {
        user,
        outcome: was ? 'removed' : 'absent',
      })
      return
    }
    const made = stdin ? undefined : readablePassword()
    const password = newPassword.safeParse(made ?? firstLine(await text(process.stdin)))
    if (!password.success) throw new EnvironmentError([password.error.issues[0]?.message ?? 'no password'])
    const outcome = await users.set(user, await hashPassword(password.data))
    say(`${user} is ${outcome}${made ? `; the password is ${made}` : ''}`, { user, outcome, password: made })
  } finally {
    await users.close()
  }

  function say(sentence: string, answer: object): void {
    console.log(json ? JSON.stringify(answer) : sentence)
  }
}

function firstLine(input: string): string {
  return input.split(/\r?\n/, 1)[0] ?? ''
}
