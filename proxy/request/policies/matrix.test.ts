import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type SampleFacts, sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleContext, sampleUpgrade } from '../../../test/harness/policies.ts'
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

/** Options as written in routes.yaml that refuse, and the exchange that they refuse. */
interface Refusing {
  readonly refuses: object | true | readonly string[]
  readonly facts?: Omit<SampleFacts, 'headers'> & { headers?: readonly string[] }
  /** Asked this often before, because only the next is refused. */
  readonly before?: number
  /** A plain request passes by design, and only the upgrade is refused. */
  readonly requestsPass?: true
}

const folder = mkdtempSync(join(tmpdir(), 'policies-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'users'), 'ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n')

const samples = {
  maintenance: { refuses: true },
  deny: { refuses: ['192.0.2.0/24'] },
  allow: { refuses: ['10.0.0.0/8'] },
  cors: {
    refuses: { origins: ['https://app.test'] },
    facts: { headers: ['Origin', 'https://evil.test'] },
    requestsPass: true,
  },
  methods: { refuses: ['POST'] },
  rateLimit: { refuses: { limit: 1 }, before: 1 },
  maxBody: { refuses: { size: '1B' }, facts: { headers: ['Content-Length', '2'] } },
  basicAuth: { refuses: { users: 'users' } },
  jwt: { refuses: { key: 'env:KEY' } },
  // Port 1: nobody answers there, and whom nobody vouches for is refused.
  forwardAuth: { refuses: { url: 'http://127.0.0.1:1/' } },
  securityHeaders: 'decides nothing',
  headers: 'decides nothing',
  cache: 'decides nothing',
  compress: 'decides nothing',
} satisfies Record<PolicyName, Refusing | 'decides nothing'>

/** Options of those that decide nothing: enough to be built. */
const inert: Partial<Record<PolicyName, object | true>> = {
  securityHeaders: true,
  headers: { response: { set: { 'x-a': '1' } } },
  cache: { rules: [{ maxAge: '1h' }] },
  compress: true,
}

function build(name: PolicyName, written: unknown) {
  const policies = { [name]: readOptions(name, written), extensions: [] } as RoutePolicies
  const context = sampleContext({ policies, folder, env: { KEY: 'k'.repeat(32) } })
  const [policy] = buildPolicies(policies, context, new Map())
  assert.ok(policy)
  return policy
}

function observing(refuses: Refusing['refuses']): object {
  if (refuses === true) return { mode: 'observe' }
  if (!Array.isArray(refuses)) return { ...refuses, mode: 'observe' }
  return { networks: refuses, allow: refuses, mode: 'observe' }
}

for (const name of Object.keys(policySchemas) as PolicyName[]) {
  const sample: Refusing | 'decides nothing' | undefined = samples[name]
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
      `add ${name} to \`samples\` in matrix.test.ts: options with which it refuses a client, or 'decides nothing'`,
    )
  })

  if (sample === undefined) continue
  if (sample === 'decides nothing') {
    test(`${name} decides nothing, so there is nothing to walk around`, () => {
      const policy = build(name, inert[name])
      assert.equal(policy.name, name)
      assert.equal(policy.decide, undefined, `${name} decides: give it a refusing sample in matrix.test.ts`)
    })
    continue
  }
  decides(name, sample)
}

function decides(name: PolicyName, sample: Refusing): void {
  const { refuses, facts = {}, before = 0 } = sample
  const headers = facts.headers ?? []
  const kinds = [
    {
      kind: 'a request',
      make: () => sampleFacts({ ...facts, headers }),
      passes: sample.requestsPass === true,
    },
    { kind: 'an upgrade', make: () => sampleUpgrade({ ...facts, headers }), passes: false },
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
      const policy = build(name, narrowed(name, observing(refuses)))
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

/** A list is short for `networks` or for `allow`: the schema knows which, and refuses the other. */
function narrowed(name: PolicyName, written: object): object {
  if (policySchemas[name].safeParse(written).success) return written
  const { networks, allow, mode } = written as { networks?: unknown; allow?: unknown; mode: string }
  const forms = [
    { networks, mode },
    { allow, mode },
  ]
  const fitting = forms.find((form) => policySchemas[name].safeParse(form).success)
  assert.ok(fitting, `the options of ${name} take no \`mode: observe\``)
  return fitting
}
