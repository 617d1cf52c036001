import { caddy } from './caddy.ts'
import type { Contender } from './contender.ts'
import { direct } from './direct.ts'
import { gatehouse } from './gatehouse.ts'
import { haproxy } from './haproxy.ts'
import { nginx } from './nginx.ts'
import { bareHttpProxy, fastify, middleware } from './node-servers.ts'

/** All proxies, in the order of the results. */
export const contenders: readonly Contender[] = [
  gatehouse,
  nginx,
  haproxy,
  caddy,
  bareHttpProxy,
  fastify,
  middleware,
  direct,
]
