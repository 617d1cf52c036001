import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { EnvironmentError, jsonList, readEnvironment, secret, wholeNumber } from './environment.ts'

const schema = z.object({
  SECRET_KEY: secret(32),
  PORT: wholeNumber.default(0),
  ORIGINS: jsonList.default([]),
})
const key = 'k'.repeat(32)

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readEnvironment(schema, env)
  } catch (error) {
    assert.ok(error instanceof EnvironmentError)
    return error.problems
  }
  return []
}

describe('the settings of a service', () => {
  test('are read by their types, with defaults for what is absent or empty', () => {
    assert.deepEqual(
      readEnvironment(schema, { SECRET_KEY: key, PORT: '', ORIGINS: '["https://a.example"]' }),
      {
        SECRET_KEY: key,
        PORT: 0,
        ORIGINS: ['https://a.example'],
      },
    )
  })

  test('are all named at once when they are wrong', () => {
    const problems = problemsOf({ PORT: 'eighty', ORIGINS: 'https://a.example' })
    assert.equal(problems.length, 3)
    assert.match(problems.join('\n'), /SECRET_KEY is missing: a secret of at least 32 bytes/)
    assert.match(problems.join('\n'), /PORT: is not a whole number/)
    assert.match(problems.join('\n'), /ORIGINS: is not a JSON array of strings/)
  })

  test('never show a secret that is wrong', () => {
    assert.deepEqual(problemsOf({ SECRET_KEY: 'hunter2' }), ['SECRET_KEY: is shorter than 32 bytes'])
  })

  test('may stand in files, as secrets of containers do', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'environment-'))
    t.after(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'key'), `${key}\n`)
    assert.equal(readEnvironment(schema, { SECRET_KEY_FILE: join(folder, 'key') }).SECRET_KEY, key)
    assert.deepEqual(problemsOf({ SECRET_KEY_FILE: join(folder, 'gone') }), [
      `SECRET_KEY_FILE: ${join(folder, 'gone')} cannot be read (ENOENT)`,
    ])
  })
})
