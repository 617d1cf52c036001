import type { RequestListener } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { runCli } from '../../harness/cli.ts'
import { startRedis } from '../../harness/redis.ts'
import { request } from '../../harness/request.ts'
import { startPostgres } from '../../services/postgres.ts'
import { startVisits } from '../../services/visits/scene.ts'
import type { Stage } from '../stage.ts'
import type { Fault } from './fault.ts'

/** What is behind the proxy goes wrong. */

const slowly: RequestListener = (request_, response) => {
  if (request_.url === '/health') response.end('fine')
  else setTimeout(() => response.end('at last'), 3_000)
}

const failing: RequestListener = (request_, response) => {
  response.statusCode = request_.url === '/health' ? 200 : 500
  response.end()
}

const unwell: RequestListener = (request_, response) => {
  response.statusCode = request_.url === '/health' ? 500 : 200
  response.end()
}

async function withAnswer(stage: Stage, name: keyof Stage['answers'], answer: RequestListener) {
  const before = stage.answers[name]
  stage.answers[name] = answer
  return () => {
    stage.answers[name] = before
  }
}

export const errors: Fault = {
  name: 'a service answers 500 to everything',
  alert: 'GatehouseErrors',
  begin: (stage) => withAnswer(stage, 'shop', failing),
}

export const away: Fault = {
  name: 'a service is killed, and its lease runs out',
  alert: 'GatehouseServiceAway',
  async begin(stage) {
    stage.announced.pause()
    await stage.shop.close()
    // Its lease has ended where it was suspect long enough; a service that is started again announces itself.
    return () => stage.startShop()
  },
}

export const targetUnwell: Fault = {
  name: 'one of two targets fails its checks',
  alert: 'GatehouseTargetUnwell',
  path: '/pair',
  begin: (stage) => withAnswer(stage, 'one', unwell),
}

export const slow: Fault = {
  name: 'upstream slow',
  alert: 'GatehouseSlow',
  begin: (stage) => withAnswer(stage, 'shop', slowly),
  gameDay: {
    command: '/metrics',
    shows: /^gatehouse_exchanges_in_flight\{protocol="http"\} [1-9]\d/m,
    mended: 'the service made quick again',
    changed: 'nothing: the route beside it stayed quick',
  },
}

export const redisAway: Fault = {
  name: 'Redis away',
  alert: 'GatehouseRedisAway',
  needs: ['redis'],
  async stage(t) {
    const redis = await startRedis(t)
    return {
      settings: `redis: { address: "${redis.address}" }`,
      routes: `  - { name: limited, match: { path: /limited }, listeners: [http], to: pair, policies: { rateLimit: { limit: 1000, per: 1s } } }`,
      with: { redis },
    }
  },
  path: '/limited',
  async begin({ with: { redis } }) {
    await redis?.signal('SIGKILL')
    return async () => redis?.start()
  },
  gameDay: {
    log: /[Rr]edis/,
    command: '/readyz',
    shows: /[Rr]edis/,
    mended: 'Redis started again, empty',
    changed: 'nothing',
  },
}

/** The visits service keeps its users in Postgres: who signs in is looked up there. */
export const postgresAway: Fault = {
  name: 'Postgres away',
  alert: 'GatehouseErrors',
  needs: ['postgresql'],
  async stage(t) {
    const postgres = await startPostgres(t)
    return {
      upstreams: '  visits: { leased: true, health: /flask/api/ping }',
      routes: '  - { name: visits, match: { path: /flask }, listeners: [http], to: visits }',
      with: { postgres },
      async after(stage) {
        const made = await runCli(['token', '--upstream', 'visits', '--file', `${stage.folder}/routes.yaml`])
        startVisits(t, {
          cwd: stage.folder,
          env: {
            DATABASE_URL: postgres.url,
            SECRET_KEY: 'a key of a game day, of thirty-two bytes or more',
            FIRST_PASSWORD: 'password',
            GATEHOUSE_ADMIN: stage.admin,
            GATEHOUSE_TOKEN: made.stdout.trim(),
          },
        })
      },
    }
  },
  path: '/flask/auth/login',
  body: '{"username":"admin","password":"password"}',
  async begin({ with: { postgres } }) {
    await postgres?.stop()
    return async () => postgres?.start()
  },
  gameDay: {
    command: ['why'],
    shows: /50[0-9]/,
    mended: 'Postgres started again',
    changed: 'nothing: the service found it again by itself',
  },
}

/** Many are let in and stay, because the upstream is slow: the next are refused. */
export const overloaded: Fault = {
  name: 'more requests at once than are allowed',
  alert: 'GatehouseOverloaded',
  stage: async () => ({ settings: 'limits: { exchanges: 5 }' }),
  path: '/pair',
  async begin(stage) {
    const undo = await withAnswer(stage, 'shop', slowly)
    let goes = true
    const crowd = Array.from({ length: 40 }, async () => {
      while (goes) {
        await request(stage.url, { timeout: 20_000 }).catch(() => {})
        await sleep(200)
      }
    })
    return async () => {
      goes = false
      undo()
      await Promise.all(crowd)
    }
  },
}
