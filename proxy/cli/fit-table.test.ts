import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitTable, wrapWords } from './fit-table.ts'

const table = {
  heading: ['route', 'req/s', '4xx/s', 'p99', 'goes to'],
  rows: [
    ['shop', '12', '0', '1.2 ms', 'shop'],
    ['photos-restorations-of-users', '1', '0', '340 ms', 'photos'],
  ],
  spare: ['goes to', '4xx/s'],
}
const widthOf = ({ heading, rows }: { heading: string; rows: string[] }): number =>
  Math.max(...[heading, ...rows].map((line) => line.length))

test('where there is room all of it is shown, numbers to the right', () => {
  assert.deepEqual(fitTable(table, 80), fitTable(table))
  assert.deepEqual(fitTable(table).rows, [
    'shop                             12      0  1.2 ms  shop',
    'photos-restorations-of-users      1      0  340 ms  photos',
  ])
})

test('in a narrow terminal columns go that can be spared, and then names are cut', () => {
  assert.equal(fitTable(table, 56).heading.includes('goes to'), false)
  assert.equal(fitTable(table, 56).heading.includes('4xx/s'), true)
  const narrow = fitTable(table, 40)
  assert.equal(narrow.heading, 'route                      req/s     p99')
  assert.equal(narrow.rows[1], 'photos-resto…ons-of-users      1  340 ms')
  for (const columns of [40, 30, 20, 12, 1]) assert.ok(widthOf(fitTable(table, columns)) <= columns)
})

test('words are put into as many lines as they need', () => {
  assert.deepEqual(wrapWords(['12 req/s', 'p50 1 ms', '3 kB/s'], 20), ['12 req/s  p50 1 ms', '3 kB/s'])
  assert.deepEqual(wrapWords(['one', 'two']), ['one  two'])
  assert.deepEqual(wrapWords(['much too long', 'x'], 6), ['much …', 'x'])
})
