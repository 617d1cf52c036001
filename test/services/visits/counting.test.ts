import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../../harness/eventually.ts'
import { needs } from '../../harness/parts.ts'
import { startRedis } from './redis.ts'
import { startScene, startVisits } from './scene.ts'

/** No visit that was answered is lost, and none counts twice, whatever is killed in the middle. */

const scene = await startScene({ after })
const token = await scene.token()
const several = { timeout: 60_000 }
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1)
const byNumber = (a: number, b: number) => a - b

describe('in Redis', needs('redis'), () => {
  const redis = needs('redis').skip ? undefined : startRedis({ after })

  test(
    'visits that come while Redis is killed and restarted are all answered, each with a number of its own',
    several,
    async () => {
      await startCounting()
      for (const round of [1, 2, 3]) {
        const batch = countMany(200)
        await batch.answered(20 * round)
        await (await redis)?.kill()
        assert.ok(batch.left() > 0, 'it was killed too late to prove anything')
        await sleep(100)
        await (await redis)?.start()
        const numbers = await batch.numbers()
        assert.deepEqual(batch.refusals, [])
        assert.deepEqual(
          numbers,
          upTo(200).map((number) => number + (round - 1) * 200),
        )
      }
      assert.ok(scene.service.log().some(({ message }) => message === 'Redis is away'))
    },
  )

  test(
    'the service killed while it counts: what was answered is kept, and nothing counts twice',
    several,
    async () => {
      await startCounting()
      await killWhileCounting()
    },
  )

  test('two services count together', several, async (t) => {
    await startCounting()
    const { url } = (await redis) ?? {}
    const key = { SECRET_KEY: scene.secret, REDIS_URL: url, DATA_DIR: 'data/other', GATEHOUSE_TOKEN: '' }
    const other = startVisits(t, { cwd: scene.folder, env: key })
    const place = await eventually(() => /http:\S+/.exec(String(other.log().at(-1)?.message))?.[0], several)
    const headers = { authorization: `Bearer ${token}` }
    const beside = upTo(50).map(async () => {
      const response = await fetch(`${place}/flask/api/count`, { headers })
      return ((await response.json()) as { visits: number }).visits
    })
    const numbers = [...(await countMany(50).numbers()), ...(await Promise.all(beside))]
    assert.deepEqual(numbers.sort(byNumber), upTo(100))
  })

  test(
    'while Redis is away, counting and signing in are 503 with a time to come back, and ping answers',
    several,
    async () => {
      await startCounting(500)
      await (await redis)?.kill()
      const [count, login, ping] = await Promise.all([
        scene.count(token),
        scene.login({ username: 'admin', password: scene.password }),
        scene.ask('/flask/api/ping'),
      ])
      assert.deepEqual([count.status, login.status, ping.status], [503, 503, 200])
      assert.deepEqual([count.headers['retry-after'], login.headers['retry-after']], ['5', '5'])
      await (await redis)?.start()
      await eventually(async () => (await scene.count(token)).status === 200, several)
      assert.ok((await scene.token()).length > 100)
    },
  )

  /** From one on. */
  async function startCounting(patience = 50_000): Promise<void> {
    const { url, forget } = (await redis) ?? {}
    await forget?.()
    await scene.startService({ REDIS_URL: url, REDIS_PATIENCE: String(patience) })
  }
})

describe('on disk', () => {
  test('200 visits at once have the numbers from 1 to 200', several, async () => {
    await scene.startService({ DATA_DIR: 'data/at-once' })
    assert.deepEqual(await countMany(200).numbers(), upTo(200))
  })

  test(
    'the service killed while it counts: what was answered is kept, and nothing counts twice',
    several,
    async () => {
      await scene.startService({ DATA_DIR: 'data/killed' })
      await killWhileCounting()
    },
  )

  test('a second service does not start on the same folder, and says why', several, async (t) => {
    await scene.startService({ DATA_DIR: 'data/shared' })
    const env = { SECRET_KEY: scene.secret, DATA_DIR: 'data/shared', GATEHOUSE_TOKEN: '' }
    const second = startVisits(t, { cwd: scene.folder, env })
    await eventually(() => second.child.exitCode === 1, several)
    assert.match(JSON.stringify(second.log()), /data\/shared is in use by another process; set REDIS_URL/)
    assert.equal((await scene.count(token)).status, 200)
  })
})

// --- Internal ---

/** Counts from many sides at once, over HTTP/1.1 and HTTP/2 in turn. */
function countMany(times: number) {
  const headers = { authorization: `Bearer ${token}` }
  let answered = 0
  const refusals: string[] = []
  const outcomes = upTo(times).map(async (nth) => {
    const ask = nth % 2 === 0 ? scene.ask : scene.askHttp2
    const { status, text } = await ask('/flask/api/count', { headers })
    answered++
    if (status !== 200) refusals.push(`${status} ${text}`)
    return status === 200 ? [JSON.parse(text).visits as number] : []
  })
  return {
    refusals,
    left: () => times - answered,
    answered: (some: number) => eventually(() => answered >= some, { ...several, every: 1 }),
    /** Of those that were answered with one, in order. */
    numbers: async () => (await Promise.all(outcomes)).flat().sort(byNumber),
  }
}

const manyMore = 1_000

/**
 * Whoever asked while the service died may hear 502 or 503, and cannot know whether the visit counted; the proxy asks
 * once more by itself. So there are at least as many visits as answers, and no more than requests.
 */
async function killWhileCounting(): Promise<void> {
  let asked = 0
  const seen: number[] = []
  for (const round of [1, 2]) {
    // More than a quick machine answers between the thirtieth and the kill.
    const batch = countMany(manyMore)
    asked += manyMore
    await batch.answered(30 * round)
    await scene.service.stop('SIGKILL')
    assert.ok(batch.left() > 0, 'it was killed too late to prove anything')
    await scene.startService(scene.settings)
    seen.push(...(await batch.numbers()))
  }
  assert.equal(new Set(seen).size, seen.length, 'a number was given twice')
  const total = JSON.parse((await scene.count(token)).text).visits - 1
  assert.ok(total >= Math.max(...seen) && total >= seen.length, `${seen.length} answered, ${total} kept`)
  assert.ok(total <= asked, `${asked} asked, ${total} counted`)
}
