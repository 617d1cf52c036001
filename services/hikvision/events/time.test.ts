import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { instantOf, readTime } from './time.ts'

const arrived = Date.parse('2024-05-07T10:48:05Z')
const rows: [text: string, instant: string | undefined, isGuessed?: boolean, difference?: string][] = [
  ['2024-05-07T17:48:03.847+07:00', '2024-05-07T10:48:03.847Z'],
  ['2024-05-07T16:33:03+05:45', '2024-05-07T10:48:03.000Z'],
  ['2024-05-07T06:48:03-04:00', '2024-05-07T10:48:03.000Z'],
  ['2024-05-07T10:48:03Z', '2024-05-07T10:48:03.000Z'],
  ['2024-05-07T18:48:03Z', '2024-05-07T10:48:03.000Z', false, '+08:00'],
  ['2024-05-07 12:48:03', '2024-05-07T10:48:03.000Z', true],
  // The sign before the zone is lost: of both, the one that is nearer to the arrival.
  ['2024-05-07T10:48:0300:00', '2024-05-07T10:48:03.000Z', false],
  ['2024-05-07T13:48:03:03', '2024-05-07T10:48:03.000Z', true],
  ['2024-05-07T07:48:03:03', '2024-05-07T10:48:03.000Z', true],
  ['2024-05-07T07:48:0303:00', '2024-05-07T10:48:03.000Z', true],
  // An offset that no place on earth has is none.
  ['2024-05-07T12:48:03+99:00', '2024-05-07T10:48:03.000Z', true],
  ['2024-02-31T12:48:03Z', undefined],
  ['2024-13-01T12:48:03Z', undefined],
  ['0000-01-01T00:00:00Z', undefined],
  ['2024-05-07T25:00:00Z', undefined],
  ['yesterday', undefined],
  ['', undefined],
]

describe('the time of a device', () => {
  for (const [text, instant, isGuessed = false, difference] of rows)
    test(`${text} is ${instant ?? 'none'}${isGuessed ? ', by a guess' : ''}`, () => {
      const time = readTime(text, difference)
      const read = time && instantOf(time, arrived, 120)
      assert.equal(read?.at.toISOString(), instant)
      if (read) assert.equal(read.isGuessed, isGuessed)
    })
})
