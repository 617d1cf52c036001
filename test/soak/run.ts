import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withTeardown } from '../harness/with-teardown.ts'
import { chart } from './chart.ts'
import type { Sample } from './sampler.ts'
import { runSoak } from './soak.ts'
import { summarise } from './summary.ts'

/**
 * `make soak`: SOAK_MINUTES (60) of everything at once, on two fifths of this machine. Writes a summary, a chart and
 * the samples into SOAK_RESULTS (results/), and fails if anything was wrong or anything has grown.
 */

const minutes = Math.min(24 * 60, Math.max(1, Number(process.env.SOAK_MINUTES ?? 60)))
const results = process.env.SOAK_RESULTS ?? fileURLToPath(new URL('results', import.meta.url))
const name = `soak-${minutes}-minutes`

let told = 0

const outcome = await withTeardown((t) =>
  runSoak(t, {
    seconds: minutes * 60,
    every: { sample: 5, collection: 60, reload: 60, certificate: 90, rotation: 40 },
    cores: availableParallelism() * 0.4,
    report({ at, memory, collected, heap, sockets, descriptors, inFlight, delay, cpu }, { total, faults }) {
      for (const fault of faults.slice(told)) console.log(fault)
      told = faults.length
      const megabytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(0)} MB`
      console.log(
        [
          `${at.toFixed(0)} s`,
          `memory ${megabytes(memory)}`,
          `${megabytes(collected)} without garbage`,
          `heap ${megabytes(heap)}`,
          `${sockets} sockets`,
          `${descriptors} descriptors`,
          `${inFlight} under way`,
          `${(delay * 1000).toFixed(0)} ms late`,
          `${cpu.toFixed(2)} cores`,
          `${total.right} right, ${total.refused} refused, ${total.wrong} wrong, ${total.failed} failed`,
        ].join(', '),
      )
    },
  }),
)

mkdirSync(results, { recursive: true })
writeFileSync(
  join(results, `${name}.svg`),
  chart(`${minutes} minutes of everything at once`, outcome.samples),
)
writeFileSync(join(results, `${name}.md`), summarise(outcome, `${name}.svg`))
writeFileSync(join(results, `${name}.csv`), table(outcome.samples))
for (const { what, found, bound, holds } of outcome.findings)
  console.log(`${holds ? 'holds        ' : 'DOES NOT HOLD'} ${what}: ${found} (${bound})`)
if (outcome.findings.some(({ holds }) => !holds)) process.exitCode = 1
process.exit()

function table(samples: readonly Sample[]): string {
  const names = Object.keys(samples[0] ?? {}) as (keyof Sample)[]
  const rows = samples.map((sample) => names.map((name) => Number(sample[name].toFixed(3))).join(','))
  return `${[names.join(','), ...rows].join('\n')}\n`
}
