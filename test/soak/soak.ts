import { setTimeout as sleep } from 'node:timers/promises'
import { describeMachine } from '../bench/machine/description.ts'
import { cpuTimeOf } from '../bench/machine/process-tree.ts'
import { eventually } from '../harness/eventually.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { openDoors } from './doors.ts'
import { type Gatehouse, startGatehouse } from './gatehouse.ts'
import { createGovernor } from './governor.ts'
import { createSampler, type Sample, type Sampler, sumOf } from './sampler.ts'
import { createTally, type Tally } from './tally.ts'
import { startTraffic } from './traffic/index.ts'
import { misfits } from './traffic/misfits.ts'
import { startUpstreams } from './upstreams.ts'
import { type Finding, judge, mostSocketsLeft } from './verdict.ts'

export interface SoakSettings {
  readonly seconds: number
  /** Seconds between two of each. */
  readonly every: {
    sample: number
    collection: number
    reload: number
    certificate: number
    rotation: number
  }
  /** Cores that the proxy and its clients may use together. */
  readonly cores: number
  /** Called after each sample. */
  report?(sample: Sample, tally: Tally): void
}

export interface Outcome {
  readonly began: Date
  readonly machine: string
  readonly samples: readonly Sample[]
  readonly tally: Tally
  readonly findings: readonly Finding[]
}

/** Everything at once for so long, and then the question whether anything was wrong and whether anything is left. */
export async function runSoak(t: Teardown, settings: SoakSettings): Promise<Outcome> {
  const began = new Date()
  const folder = await tempFolder(t)
  const upstreams = await startUpstreams(t)
  const gatehouse = await startGatehouse(t, folder, upstreams)
  const tally = createTally()
  const sampler = createSampler(gatehouse)
  const doors = openDoors({ port: gatehouse.https, ca: gatehouse.ca })
  onEnd(t, doors.close)
  const before = await sampler.take()

  const governor = createGovernor(settings.cores)
  const cpu = measureCpu(gatehouse.pid)
  const traffic = startTraffic({ gatehouse, doors, tally }, () => governor.pace)
  const asked = await operate(settings, gatehouse, {
    collect: sampler.collect,
    async sample() {
      governor.observe(cpu())
      const sample = await sampler.take()
      settings.report?.(sample, tally)
    },
  })
  await traffic.stop()
  doors.close()
  const after = await settled(sampler, before)

  const { samples, metrics } = sampler
  const findings = judge({
    // What is measured before and after is no part of the trend.
    samples: samples.filter((each) => each !== before && each.at <= settings.seconds),
    before,
    after,
    total: tally.total,
    refusedWithoutCause: sum(
      [...tally.kinds].flatMap(([kind, { refused }]) =>
        misfits.some(({ name }) => name === kind) ? [] : [refused],
      ),
    ),
    lines: await gatehouse.countLines(),
    exchanges: sumOf(metrics, 'gatehouse_entrypoint_requests_total'),
    dropped: sumOf(metrics, 'gatehouse_access_log_dropped_lines_total'),
    reloads: { asked, taken: sumOf(metrics, 'gatehouse_config_reloads_total') - 1 },
    deaths: gatehouse.cli.output.stderr.match(/a worker has ended/g)?.length ?? 0,
  })
  const { processor, cores, runtime } = describeMachine()
  return { began, machine: `${cores} cores of ${processor}, ${runtime}`, samples, tally, findings }
}

/** Does what operators do, until it is over. Answers how often routes.yaml was replaced. */
async function operate(
  { seconds, every }: SoakSettings,
  gatehouse: Gatehouse,
  { sample, collect }: Pick<Sampler, 'collect'> & { sample(): Promise<void> },
): Promise<number> {
  const began = performance.now()
  const elapsed = (): number => (performance.now() - began) / 1000
  let reloads = 0
  const jobs = [
    { every: every.sample, next: every.sample, run: sample },
    { every: every.collection, next: every.collection, run: collect },
    {
      every: every.reload,
      next: every.reload,
      run: async () => {
        reloads++
        await gatehouse.reload()
      },
    },
    { every: every.certificate, next: every.certificate, run: gatehouse.swapCertificate },
    { every: every.rotation, next: every.rotation, run: gatehouse.rotateLog },
  ]
  while (elapsed() < seconds) {
    for (const job of jobs) {
      if (elapsed() < job.next) continue
      job.next += job.every
      await job.run()
    }
    await sleep(100)
  }
  return reloads
}

/** Idle connections end by themselves, those to upstreams after seconds, and those of clients have been ended. */
async function settled(sampler: Sampler, before: Sample): Promise<Sample> {
  const isQuiet = async (): Promise<boolean> => {
    const { inFlight, sockets } = await sampler.take()
    return inFlight === 0 && sockets <= mostSocketsLeft(before)
  }
  await eventually(isQuiet, { timeout: 60_000, every: 500 }).catch(() => {})
  // The lines of the last exchanges are on their way.
  await sleep(2000)
  return sampler.take()
}

/** Answers the cores that the proxy and this process have used since it was last asked. */
function measureCpu(pid: number): () => number {
  const read = () => {
    const own = process.cpuUsage()
    return { at: performance.now(), used: cpuTimeOf(pid) / 1e6 + (own.user + own.system) / 1e3 }
  }
  let before = read()
  return () => {
    const now = read()
    const cores = (now.used - before.used) / (now.at - before.at)
    before = now
    return cores
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
