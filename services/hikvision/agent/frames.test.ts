import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeFrame, encodeFrame, type Frame } from './frames.ts'

const ask = {
  base: 'http://192.0.2.1',
  method: 'PUT',
  path: '/ISAPI/x',
  headers: { A: 'b' },
  timeout: 1,
} as const
const frames: Frame[] = [
  { is: 'ask', id: 1, ask, body: Buffer.from([0, 1, 2]) },
  { is: 'answer', id: 2, answer: { status: 200, type: '', challenges: ['Digest x'] }, body: Buffer.alloc(0) },
  { is: 'away', id: 3, why: 'no answer', body: Buffer.alloc(0) },
]

test('a frame comes out as it went in', () => {
  for (const frame of frames) assert.deepEqual(decodeFrame(encodeFrame(frame)), frame)
})

test('whatever else comes is no frame, and no crash', () => {
  const spoiled = fc
    .tuple(fc.constantFrom(...frames), fc.nat(120), fc.uint8Array({ maxLength: 8 }))
    .map(([frame, at, bytes]) => {
      const good = encodeFrame(frame)
      return Buffer.concat([good.subarray(0, at), Buffer.from(bytes), good.subarray(at + bytes.length)])
    })
  fc.assert(
    fc.property(
      fc.oneof(
        spoiled,
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      ),
      (message) => {
        const frame = decodeFrame(message)
        assert.ok(frame === undefined || ['ask', 'answer', 'away'].includes(frame.is))
      },
    ),
  )
})
