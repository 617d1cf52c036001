/**
 * The same bytes to Gatehouse, nginx and HAProxy, in front of the same upstream. Where they differ one of them
 * reads a request otherwise than it is written, and a chain of two such readers is what smuggling needs. So each
 * difference is explained by hand, and one that is not fails, with both sides shown.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { needs } from '../harness/parts.ts'
import {
  type Compared,
  type Comparison,
  compareAll,
  isExplained,
  knownPeers,
  type PeerName,
  showBothSides,
} from './comparison.ts'
import { unusedExplanations } from './explanations/index.ts'
import { describe as tell } from './outcome.ts'
import { readings } from './promises.ts'
import { http2Questions, rawQuestions } from './question.ts'

const parts = { nginx: needs('nginx'), HAProxy: needs('haproxy') }
const present = (Object.keys(parts) as PeerName[]).filter((name) => parts[name].skip === false)

describe('requests side by side', () => {
  let rows: readonly Compared[] = []
  let versions: Comparison['versions'] = new Map()
  before(async () => {
    const raw = await compareAll({ after }, rawQuestions(), present)
    const framed = await compareAll(
      { after },
      http2Questions({ after }),
      present.filter((name) => name === 'nginx'),
    )
    rows = [...raw.rows, ...framed.rows]
    versions = raw.versions
  })

  test('there are enough of them, each with a name of its own', () => {
    assert.ok(rows.length >= 600)
    assert.equal(new Set(rows.map(({ question }) => question.name)).size, rows.length)
  })

  test('Gatehouse keeps its promises in every case', () => {
    const broken = rows.filter((row) => row.broken.length > 0)
    assert.equal(
      broken.map((row) => `${row.question.name}: ${row.broken.join('; ')}\n  ${tell(row.ours)}`).join('\n'),
      '',
    )
  })

  test('where the standard asks for a refusal, nothing arrives and a refusal or the end comes back', () => {
    for (const { question: each, ours } of rows) {
      if (each.requests > 0) continue
      assert.deepEqual(ours.arrived, [], each.name)
      assert.ok(
        ours.statuses.every((status) => status >= 400),
        `${each.name}: ${tell(ours)}`,
      )
    }
  })

  for (const name of present) {
    test(`every difference from ${name} is explained`, (t) => {
      const version = versions.get(name) ?? ''
      if (!knownPeers[name].test(version)) return t.skip(`the explanations were not written for ${version}`)
      const unexplained = rows.flatMap((row) =>
        row.peers
          .filter((peer) => peer.name === name && !isExplained(peer))
          .map((peer) => showBothSides(row, peer)),
      )
      assert.equal(unexplained.join('\n\n'), '')
    })
  }

  test('no explanation is left over', { ...needs('nginx', 'haproxy') }, (t) => {
    for (const [name, version] of versions)
      if (!knownPeers[name].test(version)) return t.skip(`${name} ${version} is another one`)
    const used = new Set(
      rows.flatMap((row) => row.peers.map(({ difference }) => `${difference} ${row.question.name}`)),
    )
    assert.deepEqual(unusedExplanations(used), [])
  })
})

test('the reader that looks for what is closed is not easily fooled', () => {
  for (const target of [
    '/closed',
    '//closed/x',
    '/a/%252e%252e/closed',
    '/%63losed;x',
    '/x\\..\\closed',
    '/x/..;/closed?y',
    '/%ef%bc%8fclosed',
    '/closed%00.html',
    'http://any/closed',
  ])
    assert.ok(readings(target).includes('/closed') || readings(target).includes('/closed/x'), target)
  for (const target of ['/a', '/closedx', '/a?/closed', '/CLOSED'])
    assert.ok(!readings(target).includes('/closed'), target)
})
