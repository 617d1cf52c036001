import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { EnvironmentError } from '../shared/environment.ts'
import { readSettings } from './settings.ts'

const key = 'Zk3vX9qLw2Rb7NcTy5Hd8Jf1Gm4Ps6Qa'
const good = { SECRET_KEY: key, AUTH_PASSWORD: 'a pass phrase of 1958' }

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readSettings(env)
  } catch (error) {
    assert.ok(error instanceof EnvironmentError)
    return error.problems
  }
  return []
}

describe('the settings of the photos service', () => {
  test('have the defaults that they always had', () => {
    const settings = readSettings(good)
    assert.equal(settings.AUTH_USERNAME, 'admin')
    assert.equal(settings.ACCESS_TOKEN_EXPIRE_MINUTES, 1_440)
    assert.equal(settings.MAX_UPLOAD_SIZE, 10_485_760)
    assert.equal(settings.HF_API_TIMEOUT, 60_000)
    assert.equal(settings.SESSION_CLEANUP_HOURS, 86_400_000)
    assert.deepEqual([...settings.ALLOWED_EXTENSIONS], ['.jpg', '.jpeg', '.png', '.webp'])
    assert.ok(settings.MODELS_CONFIG.length >= 5)
  })

  test('read lists as JSON', () => {
    const lists = { CORS_ORIGINS: '["https://a.example"]', ALLOWED_EXTENSIONS: '[".JPG",".jpeg",".png"]' }
    const settings = readSettings({ ...good, ...lists })
    assert.deepEqual(settings.CORS_ORIGINS, ['https://a.example'])
    assert.deepEqual([...settings.ALLOWED_EXTENSIONS], ['.jpg', '.jpeg', '.png'])
  })

  const rows: [name: string, value: string, says: RegExp][] = [
    ['SECRET_KEY', 'brief', /shorter than 32 bytes/],
    ['SECRET_KEY', 'your-secret-key-change-this-in-production', /a default that everybody knows/],
    [
      'SECRET_KEY',
      'GENERATE_A_STRONG_RANDOM_KEY_AT_LEAST_32_CHARACTERS_LONG',
      /a default that everybody knows/,
    ],
    ['SECRET_KEY', 'x'.repeat(40), /a default that everybody knows/],
    ['AUTH_PASSWORD', 'changeme', /a default that everybody knows/],
    ['AUTH_PASSWORD', 'ChangeMe', /a default that everybody knows/],
    ['AUTH_PASSWORD', 'USE_A_STRONG_PASSWORD_HERE', /a default that everybody knows/],
    ['AUTH_PASSWORD', 'brief', /shorter than 8/],
    ['AUTH_USERNAME', 'two words', /is not a name/],
    ['ALGORITHM', 'none', /none of HS256/],
    ['CORS_ORIGINS', 'http://localhost:3000,http://localhost', /not a JSON array/],
    ['CORS_ORIGINS', '["https://a.example/path"]', /not a list of origins/],
    ['CORS_ORIGINS', '["*"]', /not a list of origins/],
    ['ALLOWED_EXTENSIONS', '.jpg,.png', /not a JSON array/],
    ['ALLOWED_EXTENSIONS', '[".exe"]', /not a list of some of \.jpg/],
    ['MAX_UPLOAD_SIZE', '10MB', /not a whole number/],
    ['SESSION_CLEANUP_HOURS', '0', /must be more than 0/],
    ['HF_API_URL', 'router.huggingface.co', /not an http\(s\) address/],
    ['DATABASE_URL', 'sqlite+aiosqlite:////data/photo_restoration.db', /not a postgres:\/\/ address/],
    ['DEBUG', 'yes', /neither true nor false/],
    ['MODELS_CONFIG', '/nowhere/models.json', /cannot be read \(ENOENT\)/],
    ['PROCESSED_DIR', 'data/photos/uploads', /is the folder of UPLOAD_DIR/],
    ['PORT', 'eighty', /not a whole number/],
  ]
  for (const [name, value, says] of rows)
    test(`${name}=${value.slice(0, 30)} is refused, and its value is not repeated`, () => {
      const problems = problemsOf({ ...good, [name]: value })
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(problems[0] ?? '', new RegExp(`^${name}: .*${says.source}`))
      if (name === 'SECRET_KEY' || name === 'AUTH_PASSWORD') assert.ok(!problems[0]?.includes(value))
    })

  test('that are wrong are named at once', () => {
    const problems = problemsOf({
      MAX_UPLOAD_SIZE: '-1',
      CORS_ORIGINS: 'x',
      SECRET_KEY: 'short',
      DEBUG: 'maybe',
    })
    assert.deepEqual(problems.map((problem) => problem.split(/[: ]/)[0]).sort(), [
      'AUTH_PASSWORD',
      'CORS_ORIGINS',
      'DEBUG',
      'MAX_UPLOAD_SIZE',
      'SECRET_KEY',
    ])
  })

  test('of a developer’s machine may be the defaults', () => {
    assert.equal(readSettings({ DEBUG: 'true' }).AUTH_PASSWORD, 'changeme')
    assert.deepEqual(problemsOf({ DEBUG: 'false' }).length, 2)
  })

  test('name every mistake in a list of models', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'photos-models-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'models.json')
    const model = { id: 'a', name: 'A', model: 'x/y', provider: 'local', parameters: { denoise: 1 } }
    const listed = (...models: object[]) => {
      writeFileSync(file, JSON.stringify(models))
      return problemsOf({ ...good, MODELS_CONFIG: file }).join()
    }
    assert.equal(listed(model), '')
    assert.match(listed(model, model), /two models have the id a/)
    assert.match(listed({ ...model, provider: 'magic' }), /\[0\]\.provider/)
    assert.match(listed({ ...model, parameters: { denoise: 7 } }), /\[0\]\.parameters\.denoise/)
    assert.match(listed({ ...model, id: 'Ä' }, { ...model, model: 'no-slash' }), /\[0\]\.id .*\[1\]\.model/)
    writeFileSync(file, '[{')
    assert.match(problemsOf({ ...good, MODELS_CONFIG: file }).join(), /is not JSON/)
  })
})
