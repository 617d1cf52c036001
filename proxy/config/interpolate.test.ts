// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of routes.yaml are the matter
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { interpolate } from './interpolate.ts'

const env = {
  HOST: 'shop.example',
  PORT: '8443',
  ON: 'true',
  EMPTY: '',
  ZERO: '007',
  BIG: '12345678901234567890',
}

for (const [sentence, text, value] of [
  ['a text without a placeholder stays', 'plain $ text {x}', 'plain $ text {x}'],
  ['a variable is filled in', 'photos.${HOST}', 'photos.shop.example'],
  ['two variables are filled in', '${HOST}:${PORT}', 'shop.example:8443'],
  ['a number alone becomes a number', '${PORT}', 8443],
  ['a number within a text stays text', '${PORT}0', '84430'],
  ['true alone becomes a boolean', '${ON}', true],
  ['a default that is a number becomes one', '${NOT_SET:-9901}', 9901],
  ['a default stands in for an empty value', '${EMPTY:-x}', 'x'],
  ['an empty value without a default is empty', 'a${EMPTY}b', 'ab'],
  ['an empty default is empty', '${NOT_SET:-}', ''],
  ['a default may hold colons and blanks', '${NOT_SET:-a: b :-c}', 'a: b :-c'],
  ['leading zeros are no number', '${ZERO}', '007'],
  ['a number that would lose digits stays text', '${BIG}', '12345678901234567890'],
  ['two dollars are a plain placeholder', '$${HOST}', '${HOST}'],
] as const) {
  test(sentence, () => assert.deepEqual(interpolate(text, env), { value }))
}

for (const [sentence, text, problem] of [
  ['a variable that is not set', 'x.${NOT_SET}', 'needs the environment variable NOT_SET, which is not set'],
  [
    'an inherited property is no variable',
    '${toString}',
    'needs the environment variable toString, which is not set',
  ],
  ['a name with a dash', '${A-B}', 'holds "${A-B}", which is no ${NAME}'],
  ['no name', '${}', 'holds "${}", which is no ${NAME}'],
  ['no end', '${HOST', 'holds "${", which is no ${NAME}'],
] as const) {
  test(sentence, () => assert.equal((interpolate(text, env) as { problem?: string }).problem, problem))
}

test('a value is never read again, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const filled = interpolate('a ${V}', { V: value })
      assert.deepEqual(filled, { value: `a ${value}` })
    }),
  )
})
