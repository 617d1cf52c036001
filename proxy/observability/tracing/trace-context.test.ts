import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatTraceparent, readTraceContext } from './trace-context.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const parentId = '00f067aa0ba902b7'
const parent = `00-${traceId}-${parentId}-01`

describe('a traceparent that is not exactly one is none', () => {
  const refused: Record<string, string> = {
    'an empty one': '',
    'three parts': `00-${traceId}-${parentId}`,
    'version ff': `ff-${traceId}-${parentId}-01`,
    'a version of one digit': `0-${traceId}-${parentId}-01`,
    'more after the flags of version 00': `${parent}-more`,
    'more without a dash in a later version': `01-${traceId}-${parentId}-01more`,
    capitals: parent.toUpperCase(),
    'a short trace id': `00-${traceId.slice(1)}-${parentId}-01`,
    'a long parent id': `00-${traceId}-${parentId}0-01`,
    'a trace id of nothing but 0': `00-${'0'.repeat(32)}-${parentId}-01`,
    'a parent id of nothing but 0': `00-${traceId}-${'0'.repeat(16)}-01`,
    'flags that are no digits': `00-${traceId}-${parentId}-0x`,
    'blanks around it': ` ${parent} `,
    'another one behind a comma': `${parent},${parent}`,
    underscores: parent.replaceAll('-', '_'),
    'a line break behind it': `${parent}\n`,
  }
  for (const [what, value] of Object.entries(refused))
    test(what, () => assert.equal(readTraceContext(['traceparent', value]), undefined))
  test('two fields of that name', () =>
    assert.equal(readTraceContext(['traceparent', parent, 'Traceparent', parent]), undefined))
})

describe('what is understood', () => {
  test('version 00, whatever the case of the name', () =>
    assert.deepEqual(readTraceContext(['TraceParent', parent]), {
      traceId,
      parentId,
      sampled: true,
      random: false,
      state: '',
    }))
  for (const version of ['01', 'cc', 'fe'])
    test(`the beginning of version ${version}`, () =>
      assert.equal(
        readTraceContext(['traceparent', `${version}-${traceId}-${parentId}-03-more`])?.random,
        true,
      ))
  test('of the flags the two that have a meaning', () => {
    const given = readTraceContext(['traceparent', `00-${traceId}-${parentId}-fe`])
    assert.deepEqual([given?.sampled, given?.random], [false, true])
    assert.equal(given && formatTraceparent(given), `00-${traceId}-${parentId}-02`)
  })
})

describe('tracestate', () => {
  const state = (...fields: string[]) =>
    readTraceContext(['traceparent', parent, ...fields.flatMap((field) => ['tracestate', field])])?.state

  test('several fields are one list, in their order, without what is empty', () =>
    assert.equal(state('a=1,, b@c=2 3', '\t9x/y*z=!'), 'a=1,b@c=2 3,9x/y*z=!'))
  const spoilt: Record<string, string[]> = {
    'a key without a value': ['a=1,b'],
    'a key with a capital': ['a=1,B=2'],
    'the same key twice': ['a=1', 'a=2'],
    'more than 32': [Array.from({ length: 33 }, (_, index) => `k${index}=1`).join()],
    'a key of 257 characters': [`${'k'.repeat(257)}=1`],
    'a value of 257 characters': [`k=${'v'.repeat(257)}`],
    'an = in a value': ['a=1=2'],
    'bytes beyond ASCII': ['a=caf\xe9'],
  }
  for (const [what, fields] of Object.entries(spoilt))
    test(`${what} spoils the list, and the trace goes on`, () => assert.equal(state(...fields), ''))
  test('of more than 512 characters the last members go', () => {
    const long = Array.from({ length: 30 }, (_, index) => `k${index}=${'v'.repeat(30)}`)
    assert.equal(state(long.join()), long.slice(0, 14).join())
  })
  // The attack: blanks in the midst of one member. To look for the end of each run from each of its blanks took five seconds.
  test('a member of nothing but blanks costs no time', () => {
    const began = performance.now()
    assert.equal(state(`a=${' '.repeat(30_000)}b`), '')
    assert.ok(performance.now() - began < 1_000)
  })
  test('without a traceparent it says nothing', () =>
    assert.equal(readTraceContext(['tracestate', 'a=1']), undefined))
})

test('whatever comes in, what goes out is a traceparent and a tracestate that others understand', () => {
  const anything = fc.oneof(
    fc.string(),
    fc.constantFrom(parent, `01-${traceId}-${parentId}-ff-`, 'a=1', 'b=,'),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom('traceparent', 'tracestate'), anything)), (fields) => {
      const given = readTraceContext(fields.flat())
      if (given === undefined) return
      assert.match(formatTraceparent(given), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/)
      assert.match(given.state, /^[\x20-\x7e]{0,512}$/)
    }),
  )
})
