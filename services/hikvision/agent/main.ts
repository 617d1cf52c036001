import { z } from 'zod'
import { EnvironmentError, jsonList, readEnvironment, secret } from '../../shared/environment.ts'
import { createLogger } from '../../shared/logger.ts'
import { blockListOf } from '../intake/senders.ts'
import { runAgent } from './agent.ts'

const usage = `Carries requests to devices that the server cannot reach: it stands in their network and connects outwards.

  SERVER=https://hikvision.example.com TOKEN=… npm run hikvision:agent

  SERVER    address of the Hikvision page
  TOKEN     from the page, under Devices → Agents; or TOKEN_FILE
  DEVICES   networks it may ask, as JSON; default: ["10.0.0.0/8","172.16.0.0/12","192.168.0.0/16"]
  VERIFY    false accepts any certificate of the server
  ADDRESS   connects there instead of where the name of SERVER leads
`

const agentSettings = z.object({
  SERVER: z.url({
    protocol: /^https?$/,
    error: 'is the address of the server, such as https://hikvision.example.com',
  }),
  TOKEN: secret(20),
  DEVICES: jsonList
    .default(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'])
    .transform((entries, context) => {
      try {
        return blockListOf(entries)
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message })
        return z.NEVER
      }
    }),
  ADDRESS: z.union([z.ipv4(), z.ipv6()], 'is not an address such as 203.0.113.5').optional(),
  VERIFY: z.enum(['true', 'false'], 'is neither true nor false').default('true'),
})

const log = createLogger({ service: 'hikvision-agent' })
if (process.argv.includes('--help')) {
  process.stdout.write(usage)
  process.exit(0)
}
try {
  const { SERVER, ADDRESS, TOKEN, DEVICES, VERIFY } = readEnvironment(agentSettings)
  const agent = runAgent({
    server: SERVER,
    address: ADDRESS,
    token: TOKEN,
    networks: DEVICES,
    verify: VERIFY === 'true',
    log,
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => agent.stop())
  // Whatever was thrown where nobody caught it: its request is lost, and the others go on.
  process.on('unhandledRejection', (error) => log.error('something was thrown that nobody caught', { error }))
} catch (error) {
  if (!(error instanceof EnvironmentError)) throw error
  for (const problem of error.problems) log.error(`setting ${problem}`)
  process.stderr.write(`\n${usage}`)
  process.exitCode = 2
}
