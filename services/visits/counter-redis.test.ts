import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after, describe, type TestContext, test } from 'node:test'
import { Redis } from 'ioredis'
import { needs } from '../../test/harness/parts.ts'
import { onEnd } from '../../test/harness/teardown.ts'
import { startRedis } from '../../test/services/visits/redis.ts'
import type { Logger } from '../shared/logger.ts'
import { Problem } from '../shared/problem.ts'
import { countInRedis } from './counter-redis.ts'
import { connectRedis, type RedisOptions } from './redis-line.ts'

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

describe('the count in Redis', needs('redis'), () => {
  const started = needs('redis').skip ? undefined : startRedis({ after })

  async function open(t: TestContext, url?: string, options?: RedisOptions) {
    const server = await started
    await server?.forget()
    const line = await connectRedis(url ?? server?.url ?? '', silent, options)
    onEnd(t, () => line.close())
    return { ...countInRedis(line, silent), redis: line.redis }
  }

  test('counts from one, and each request once', async (t) => {
    const { add } = await open(t)
    assert.deepEqual(await Promise.all([add('a'), add('b'), add('a')]), [1, 2, 1])
    assert.equal(await add('c'), 3)
  })

  test('remembers a request for five minutes, and the count for ever', async (t) => {
    const { add, redis } = await open(t)
    await add('a')
    const seconds = await redis.ttl('{visits}:request:a')
    assert.ok(seconds > 290 && seconds <= 300, String(seconds))
    assert.equal(await redis.ttl('{visits}:count'), -1)
  })

  /**
   * Redis had counted, and the connection broke before its answer arrived. Whoever sends INCR again counts twice, and
   * whoever does not may not have counted at all.
   */
  test('an answer that is lost on the way is asked for again, and counts once', async (t) => {
    const way = await startWay(t, (await started)?.port ?? 0)
    const { add, redis } = await open(t, way.url)
    await add('first')
    way.swallowAnswers()
    const lost = add('lost')
    await way.swallowed
    const seen = new Redis((await started)?.url ?? '')
    onEnd(t, () => seen.disconnect())
    assert.equal(await seen.get('{visits}:count'), '2', 'Redis has counted')
    way.breakAll()
    assert.equal(await lost, 2)
    assert.equal(await redis.get('{visits}:count'), '2')
  })

  test('a Redis that is silent is asked again, and in the end the visit is a 503', async (t) => {
    const way = await startWay(t, (await started)?.port ?? 0)
    const { add, canKeep } = await open(t, way.url, { answerLimit: 200, patience: 600 })
    way.swallowAnswers()
    await assert.rejects(add('a'), (error: Problem) => error instanceof Problem && error.status === 503)
    await assert.rejects(async () => canKeep())
  })

  test('what Redis refuses is a 503 at once', async (t) => {
    const { add, redis } = await open(t)
    await redis.set('{visits}:count', 'not a number')
    await assert.rejects(add('a'), (error: Problem) => error instanceof Problem && error.status === 503)
    assert.equal(await redis.get('{visits}:count'), 'not a number')
  })

  test('one that is not there on start rejects, and says where the fault is', async () => {
    await assert.rejects(
      connectRedis('redis://127.0.0.1:1', silent, { patience: 300 }),
      /Redis is away: .*ECONNREFUSED/,
    )
  })
})

/** A way to Redis on which answers get lost. */
async function startWay(t: TestContext, port: number) {
  const sockets = new Set<Socket>()
  const swallowed = Promise.withResolvers<void>()
  let swallows = false
  const server = createServer((client) => {
    const redis = connect(port, '127.0.0.1')
    for (const socket of [client, redis]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    client.pipe(redis)
    redis.on('data', (bytes) => {
      if (swallows) swallowed.resolve()
      else client.write(bytes)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const breakAll = () => {
    swallows = false
    for (const socket of sockets) socket.destroy()
  }
  onEnd(t, () => {
    breakAll()
    server.close()
  })
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    swallowed: swallowed.promise,
    swallowAnswers: () => {
      swallows = true
    },
    breakAll,
  }
}
