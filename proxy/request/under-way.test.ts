import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { UnderWay } from './under-way.ts'

test('who came and did not leave is there, in whatever order they leave', () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), (choices) => {
      const list = new UnderWay<{ seat: number }>()
      const there: { seat: number }[] = []
      for (const choice of choices) {
        if (choice % 3 > 0) {
          const member = { seat: -1 }
          list.add(member)
          there.push(member)
        } else {
          const [gone] = there.splice(choice % Math.max(1, there.length), 1)
          if (gone !== undefined) list.delete(gone)
        }
      }
      assert.equal(list.size, there.length)
      assert.deepEqual(new Set(list), new Set(there))
    }),
  )
})
