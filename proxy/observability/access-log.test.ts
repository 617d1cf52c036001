import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { sampleRecord } from '../../test/harness/sample-record.ts'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { type AccessLogOptions, openAccessLogs } from './access-log.ts'
import type { ExchangeRecord } from './exchange-record.ts'

async function openLogs(t: TestContext, main: Partial<AccessLogOptions['default']> = {}) {
  const folder = await tempFolder(t)
  const logs = openAccessLogs({
    default: { file: 'data/logs/access.log', format: 'json', query: true, ...main },
    folder,
  })
  t.after(() => logs.close())
  return { logs, read: (file: string) => readFileSync(join(folder, file), 'utf8'), folder }
}

test('an exchange is one line of JSON in the file of the log', async (t) => {
  const { logs, read } = await openLogs(t)
  logs.write(sampleRecord({ status: 200 }))
  logs.write(sampleRecord({ status: 404 }))
  await logs.close()
  const lines = read('data/logs/access.log').trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).status),
    [200, 404],
  )
})

test('a route may have a file of its own, or none', async (t) => {
  const { logs, read, folder } = await openLogs(t)
  logs.write(sampleRecord({ status: 201 }), 'logs/photos.log')
  logs.write(sampleRecord({ status: 202 }), false)
  logs.write(sampleRecord({ status: 203 }), `${folder}/logs/photos.log`)
  await logs.close()
  assert.deepEqual(
    read('logs/photos.log')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).status),
    [201, 203],
  )
  assert.equal(existsSync(join(folder, 'data/logs/access.log')), false)
})

test('the combined format, and no query', async (t) => {
  const { logs, read } = await openLogs(t, { format: 'combined', query: false, file: 'a.log' })
  logs.write(sampleRecord())
  await logs.close()
  assert.match(read('a.log'), /^192\.168\.1\.17 - - \[.*\] "GET \/api\/v1 HTTP\/2\.0" 200 256 /)
})

test('a record that cannot be written as a line costs that line and nothing else', async (t) => {
  const { logs, read } = await openLogs(t, { file: 'a.log' })
  const told = t.mock.method(process.stderr, 'write', () => true)
  const broken = { ...sampleRecord(), requestHeaders: undefined } as unknown as ExchangeRecord
  logs.write(broken)
  logs.write(sampleRecord())
  await logs.close()
  assert.equal(read('a.log').split('\n').length, 2)
  assert.match(String(told.mock.calls[0]?.arguments[0]), /access log cannot be written/)
})

test('standard output: lines that a pipe cannot take in one piece are shortened', async () => {
  const { stdout } = await run(`
    const logs = openAccessLogs({ default: { file: 'stdout', format: 'json', query: true }, folder: '/' })
    logs.write(sampleRecord({ uri: '/' + 'x'.repeat(9000) }))
    logs.write(sampleRecord())
    process.exit()`)
  const [long = '', short = ''] = stdout.trimEnd().split('\n')
  assert.ok(long.length < 4096)
  assert.equal(JSON.parse(long).shortened, true)
  assert.equal(JSON.parse(short).shortened, undefined)
})

test('a full disk is reported once, in the log of the program, and the lost lines are counted', async () => {
  const { stdout, stderr } = await run(`
    const logs = openAccessLogs({ default: { file: '/dev/full', format: 'json', query: true }, folder: '/' })
    for (let i = 0; i < 40; i++) {
      for (let j = 0; j < 100; j++) logs.write(sampleRecord())
      await new Promise(setImmediate)
    }
    await logs.close()
    const text = await renderMetrics([await metricsJson()])
    console.log(/^gatehouse_access_log_dropped_lines_total .*$/m.exec(text)[0])
    console.log(/^gatehouse_access_log_failures_total [1-9]/m.test(text))`)
  const reports = stderr.trimEnd().split('\n')
  assert.equal(reports.length, 1, stderr)
  assert.partialDeepStrictEqual(JSON.parse(reports[0] ?? ''), {
    level: 'error',
    component: 'access-log',
    message: 'access log cannot be written',
    file: '/dev/full',
  })
  assert.match(reports[0] ?? '', /ENOSPC/)
  assert.equal(stdout.trim(), 'gatehouse_access_log_dropped_lines_total 4000\ntrue')
})

function run(script: string): Promise<{ stdout: string; stderr: string }> {
  const at = (file: string) => JSON.stringify(new URL(file, import.meta.url).href)
  const prelude = `
    import { openAccessLogs } from ${at('./access-log.ts')}
    import { metricsJson, renderMetrics } from ${at('./metrics.ts')}
    import { sampleRecord } from ${at('../../test/harness/sample-record.ts')}
  `
  return promisify(execFile)(process.execPath, ['--input-type=module', '-e', prelude + script])
}
