import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { nearMisses } from './near-misses.ts'
import type { Route } from './route.ts'

function routeAt(
  name: string,
  more: { host?: string; path?: string; exact?: boolean; listener?: string; methods?: string[] },
): Route {
  const { host, path = '/', exact = false, listener = 'https', methods } = more
  return {
    name,
    hosts: [host],
    listeners: new Set([listener]),
    methods: methods && new Set(methods),
    config: { match: { path: [path], exact } },
  } as unknown as Route
}

describe('a route that one thing kept away is named with that thing', () => {
  const facts = sampleFacts({ host: 'a.example', path: '/close/x', method: 'GET' })
  const rows: [route: Route, reason: RegExp][] = [
    [routeAt('fits', {}), /^fits too, but winner is more specific/],
    [routeAt('host', { host: 'b.example', path: '/close' }), /^its host is b\.example, not a\.example/],
    [routeAt('exact', { path: '/close', exact: true }), /^its path is \/close exactly, not \/close\/x/],
    [routeAt('spelling', { path: '/closet' }), /^its path is \/closet, not/],
    [routeAt('listener', { path: '/close', listener: 'devices' }), /^it answers on devices, not on https/],
    [routeAt('method', { path: '/close', methods: ['POST', 'PUT'] }), /^it takes POST, PUT, not GET/],
  ]
  const winner = routeAt('winner', { path: '/close/x' })
  for (const [route, reason] of rows) {
    test(route.name, () =>
      assert.match(nearMisses([winner, route], facts, winner)[0]?.reason ?? 'nothing', reason),
    )
  }
})

describe('a route that nobody would expect is not', () => {
  const facts = sampleFacts({ host: 'a.example', path: '/close/x' })
  const rows = [
    routeAt('elsewhere', { path: '/open' }),
    routeAt('two things', { host: 'b.example', path: '/close', methods: ['POST'] }),
  ]
  for (const route of rows)
    test(route.name, () => assert.deepEqual(nearMisses([route], facts, undefined), []))
})
