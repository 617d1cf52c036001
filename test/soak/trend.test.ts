import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lowest, trendOf } from './trend.ts'

const line = (values: readonly number[]): { at: number; value: number }[] =>
  values.map((value, i) => ({ at: i * 5, value }))

test('what stays does not grow', () => {
  assert.deepEqual(trendOf(line([100, 100, 100, 100])), { mean: 100, growth: 0, share: 0 })
})

test('the growth is that of the line, over the whole time', () => {
  const { mean, growth, share } = trendOf(line([100, 110, 120, 130, 140]))
  assert.deepEqual([mean, Math.round(growth), Math.round(share * 1000)], [120, 40, 333])
})

test('noise around a level is nearly no growth, and around a slope nearly the slope', () => {
  const noise = Array.from({ length: 200 }, (_, i) => ((i * 7919) % 41) - 20)
  assert.ok(Math.abs(trendOf(line(noise.map((each) => 500 + each))).share) < 0.02)
  const { growth } = trendOf(line(noise.map((each, i) => 500 + each + i)))
  assert.ok(Math.abs(growth - 199) < 15, String(growth))
})

test('a saw that always falls as deep has a level floor, however its teeth lie', () => {
  const saw = Array.from({ length: 200 }, (_, i) => 100 + (i % 17) * 10)
  assert.deepEqual(
    lowest(line(saw), 10).map(({ value }) => value),
    Array(10).fill(100),
  )
})

test('a saw that falls less deep each time has a floor that rises', () => {
  const saw = Array.from({ length: 200 }, (_, i) => 100 + (i % 17) * 10 + i)
  assert.ok(trendOf(lowest(line(saw), 10)).growth > 100)
})
