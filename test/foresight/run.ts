import { withTeardown } from '../harness/with-teardown.ts'
import { compareExplainAndProxy } from './agreement.ts'

/** `make agree`: a million requests, or `REQUESTS`; `SEED` makes a run again. */

const seed = Number(process.env.SEED) || Date.now() % 2 ** 31
const requests = Number(process.env.REQUESTS) || 1_000_000
console.log(`Seed ${seed}, ${requests.toLocaleString('en')} requests`)
const { asked, statuses, disagreements } = await withTeardown((t) =>
  compareExplainAndProxy(t, {
    seed,
    requests,
    progress: (count) => console.log(`${count.toLocaleString('en')} asked of both`),
  }),
)
console.log(`${asked.toLocaleString('en')} requests, by status ${JSON.stringify(statuses)}`)
for (const { request, explained, happened } of disagreements)
  console.log(JSON.stringify({ request, explained, happened }, null, 2))
console.log(
  disagreements.length === 0 ? 'They never differed.' : `They differed ${disagreements.length} times.`,
)
if (disagreements.length > 0) process.exitCode = 1
