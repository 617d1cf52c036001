import assert from 'node:assert/strict'
import { PassThrough, Writable } from 'node:stream'
import { suite, test } from 'node:test'
import { createLogger, type Level, type Logger } from './logger.ts'

function loggerTo(readable: boolean, level: Level = 'info'): { logger: Logger; said: () => string } {
  const stream = new PassThrough()
  return { logger: createLogger({ stream, readable, level }), said: () => String(stream.read() ?? '') }
}

suite('for machines', () => {
  test('a line of JSON with the time, the level, the component and the fields', () => {
    const { logger, said } = loggerTo(false)
    logger.child('tls').warn('certificate ends soon', { days: 3 })
    const { ts, ...line } = JSON.parse(said())
    assert.ok(Math.abs(Date.parse(ts) - Date.now()) < 5000)
    assert.deepEqual(line, { level: 'warn', component: 'tls', message: 'certificate ends soon', days: 3 })
  })

  test('no field can pretend to be the level, the time or the message', () => {
    const { logger, said } = loggerTo(false)
    logger.info('real', { level: 'error', message: 'fake', ts: 0, component: 'fake' })
    const line = JSON.parse(said())
    assert.deepEqual([line.level, line.message, line.component], ['info', 'real', undefined])
    assert.notEqual(line.ts, 0)
  })

  test('secrets are hidden in fields and in messages, and errors are spelt out', () => {
    const { logger, said } = loggerTo(false)
    logger.error('redis://me:pw@db failed', { token: 'abc', error: new Error('boom') })
    const line = JSON.parse(said())
    assert.equal(line.message, 'redis://REDACTED@db failed')
    assert.equal(line.token, 'REDACTED')
    assert.equal(line.error.message, 'boom')
    assert.match(line.error.stack, /logger\.test\.ts/)
  })

  test('what is below the level is not said', () => {
    const { logger, said } = loggerTo(false, 'warn')
    logger.debug('a')
    logger.info('b')
    assert.equal(said(), '')
  })
})

suite('for a person', () => {
  test('a short line, with the stack of an error below it', () => {
    const { logger, said } = loggerTo(true)
    logger
      .child('cluster')
      .error('worker ended', { code: 1, reason: 'out of luck', error: new Error('boom') })
    assert.match(
      said(),
      /^\d\d:\d\d:\d\d error cluster: worker ended code=1 reason="out of luck"\n {2}Error: boom\n {6}at .*logger\.test/,
    )
  })

  test('what a client sent cannot steer the terminal or begin a line', () => {
    const { logger, said } = loggerTo(true)
    logger.info('seen', { path: '\u001b[2J\n12:00:00 error forged', error: new Error('a\u009bb') })
    const text = said()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    assert.doesNotMatch(text.replaceAll('\n', ''), /[\x00-\x1f\x7f-\x9f]/)
    assert.doesNotMatch(text, /^12:00:00/m)
  })
})

test('it never throws: not at fields that do, not at a stream that is gone', async () => {
  const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) })
  const logger = createLogger({ stream: broken, readable: false, level: 'info' })
  const hostile = {
    get bad(): never {
      throw new Error('no')
    },
  }
  logger.info('one', hostile)
  await new Promise(setImmediate)
  logger.info('two', { symbol: Symbol('s'), big: 1n, f() {} })
  await new Promise(setImmediate)
  assert.equal(broken.destroyed, true)
})
