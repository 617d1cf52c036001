import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleContext, sampleUpgrade } from '../../../test/harness/policies.ts'
import {
  observing,
  type PolicySample,
  policySamples,
  type Refusing,
  sampleEnvironment,
  sampleUsers,
} from '../../../test/harness/policy-samples.ts'
import type { RoutePolicies } from '../../config/loaded.ts'
import { type PolicyName, policySchemas } from '../../config/policy-schemas.ts'
import { errors } from '../../errors.ts'
import { askPolicies, type TraceEntry } from './ask.ts'
import { buildPolicies, policyTable } from './index.ts'

/**
 * The promise: an upgrade cannot pass where a request cannot.
 *
 * The attack: WebSocket handshakes reach a Node server by another event than requests do, so checks that hang
 * on requests never see them. Here every policy of the table is asked both ways, with options and a client
 * that it must refuse. A policy without a sample does not compile, and fails below with a sentence.
 */

const folder = mkdtempSync(join(tmpdir(), 'policies-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'users'), sampleUsers)

function build(name: PolicyName, written: unknown) {
  const policies = { [name]: readOptions(name, written), extensions: [] } as RoutePolicies
  const context = sampleContext({ policies, folder, env: sampleEnvironment })
  const [policy] = buildPolicies(policies, context, new Map())
  assert.ok(policy)
  return policy
}

for (const name of Object.keys(policySchemas) as PolicyName[]) {
  const sample: PolicySample | undefined = policySamples[name]
  const fileName = name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)

  test(`${name} has a row in the table, a file, and a test of its own`, () => {
    assert.ok(name in policyTable, `add a row for ${name} to policyTable in index.ts`)
    assert.ok(existsSync(new URL(`${fileName}.ts`, import.meta.url)), `${name} belongs into ${fileName}.ts`)
    const testFile = `${fileName}.test.ts`
    assert.ok(existsSync(new URL(testFile, import.meta.url)), `add ${testFile} beside ${fileName}.ts`)
  })

  test(`${name} has a sample here`, () => {
    assert.ok(
      sample,
      `add ${name} to test/harness/policy-samples.ts: options with which it refuses a client, or adds something`,
    )
  })

  if (sample === undefined) continue
  if ('adds' in sample) {
    test(`${name} decides nothing, so there is nothing to walk around`, () => {
      const policy = build(name, sample.adds)
      assert.equal(policy.name, name)
      assert.equal(policy.decide, undefined, `${name} decides: give it a sample that refuses`)
    })
    continue
  }
  decides(name, sample)
}

function decides(name: PolicyName, sample: Refusing): void {
  const { refuses, before = 0, body } = sample
  const length = body === undefined ? [] : ['Content-Length', String(body.length)]
  const facts = { client: '127.0.0.1', headers: [...Object.entries(sample.headers ?? {}).flat(), ...length] }
  const kinds = [
    {
      kind: 'a request',
      make: () => sampleFacts(facts),
      passes: sample.requestsPass === true,
    },
    { kind: 'an upgrade', make: () => sampleUpgrade(facts), passes: false },
  ]
  for (const { kind, make, passes } of kinds) {
    if (passes) continue
    test(`${name} refuses ${kind}`, async () => {
      const policy = build(name, refuses)
      assert.equal(policy.name, name)
      for (let i = 0; i < before; i++) await askPolicies([policy], make())
      const decision = await askPolicies([policy], make())
      assert.partialDeepStrictEqual(decision, { outcome: 'deny', policy: name })
      const { code, reason } = decision as { code: string; reason: string }
      assert.ok(Object.hasOwn(errors, code) && code !== 'internal', `${name} refused with ${code}: ${reason}`)
    })

    test(`${name} refuses a rehearsal of ${kind} alike, for explain`, async () => {
      const policy = build(name, refuses)
      for (let i = 0; i < before; i++) await askPolicies([policy], make())
      const trace: TraceEntry[] = []
      await askPolicies([policy], { ...make(), rehearsal: true }, trace)
      assert.partialDeepStrictEqual(trace, [{ policy: name, verdict: 'deny' }])
    })

    test(`${name} in observe mode notes ${kind} and lets it pass`, async () => {
      const policy = build(name, observing(name, sample))
      for (let i = 0; i < before; i++) await askPolicies([policy], make())
      const decision = await askPolicies([policy], make())
      assert.equal(decision.outcome, 'pass')
      assert.deepEqual(
        decision.observed.map((noted) => noted.policy),
        [name],
      )
    })
  }
}
