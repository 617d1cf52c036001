import { withTeardown } from '../harness/with-teardown.ts'
import { runChaos } from './chaos.ts'
import { judge } from './verdict.ts'

/** `make chaos`: five minutes, or `MINUTES`; `SEED` makes the order of faults again; `RATE` is requests per second. */

const seed = Number(process.env.SEED) || Date.now() % 2 ** 31
const minutes = Number(process.env.MINUTES) || 5
const rate = Number(process.env.RATE) || 200
console.log(`Seed ${seed}, for ${minutes} minutes, ${rate} requests per second`)
const outcome = await withTeardown((t) =>
  runChaos(t, {
    seed,
    rate,
    duration: minutes * 60_000,
    proxies: 3,
    redis: true,
    targets: 200,
    say: console.log,
  }),
)
const { requests, faults, excused, lost, probes, converged } = outcome
const whole = probes.filter(({ undisturbed }) => undisturbed).map(({ passed }) => passed)
const disturbed = probes.filter(({ undisturbed }) => !undisturbed).map(({ passed }) => passed)
console.log(
  `${faults} faults, ${requests} requests, ${excused} ended with a process that was killed, ${lost.length} lost`,
)
console.log(`limit of 100: ${whole.join(' ')}; with something broken: ${disturbed.join(' ')}`)
console.log(`all agreed after ${Math.round(converged)} ms`)
for (const sentence of judge(outcome)) {
  console.log(sentence)
  process.exitCode = 1
}
