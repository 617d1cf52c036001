/**
 * A body that `maxBody` would cut is reported in observe mode as well, however it is framed.
 *
 * Fault: only declared lengths were looked at, so a service whose clients stream looked as if a limit could be
 * switched on, and the first long upload on the day after was cut.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LoggedExchange } from '../../proxy/observability/logged-exchange.ts'
import { selfSigned } from '../harness/certificate.ts'
import { runCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { startServing } from './command.ts'

test('maxBody in observe mode reports streamed bodies above the limit, over both protocols, and cuts none', async (t) => {
  const upstream = await startUpstream(t, (asked, response) => {
    let length = 0
    asked.on('data', (chunk: Buffer) => {
      length += chunk.length
    })
    asked.on('end', () => response.end(String(length)))
  })
  const folder = await tempFolder(t)
  const { cert, key } = await selfSigned()
  await writeFile(join(folder, 'cert.pem'), cert)
  await writeFile(join(folder, 'key.pem'), key)
  const route = (name: string, policies: string) =>
    `  - { name: ${name}, listeners: [http, https], match: { path: /${name} }, policies: { ${policies} }, to: "${upstream.url}" }`
  const serving = await startServing(
    t,
    `
listeners: { http: { port: 0, address: 127.0.0.1 }, https: { port: 0, address: 127.0.0.1 } }
tls: { certificates: [{ cert: cert.pem, key: key.pem }] }
admin: { port: 0 }
workers: 1
routes:
${route('watched', 'maxBody: { size: 1KB, mode: observe }')}
${route('cut', 'maxBody: 1KB')}
`,
    { folder },
  )
  const http2 = await connectHttp2(t, Number(new URL(serving.url('https')).port))
  const large = 'x'.repeat(5000)
  const chunked = async (path: string, length: number): Promise<string> => {
    const body = `${length.toString(16)}\r\n${'x'.repeat(length)}\r\n0\r\n\r\n`
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`
    return (await rawRequest(Number(new URL(serving.url('http')).port), head + body)).text
  }

  assert.match(await chunked('/watched/h1', 5000), /^HTTP\/1\.1 200 [\s\S]*5000/)
  assert.match(await chunked('/watched/small', 1000), /^HTTP\/1\.1 200 [\s\S]*1000/)
  assert.equal((await http2.request('/watched/h2', { method: 'POST', body: large })).text, '5000')
  const declared = await request(`${serving.url('http')}/watched/declared`, {
    method: 'POST',
    headers: { 'content-length': '5000' },
    body: large,
  })
  assert.equal(declared.text, '5000')
  assert.match(await chunked('/cut', 5000), /^HTTP\/1\.1 413 /)

  const log = async (): Promise<LoggedExchange[]> =>
    (await readFile(join(folder, 'data/logs/access.log'), 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  await eventually(async () => (await log()).length === 5)
  const noted = (await log()).map(({ request: { uri }, observed = [] }) => [uri, observed])
  assert.deepEqual(Object.fromEntries(noted), {
    '/watched/h1': [{ policy: 'maxBody', reason: 'more than 1024 bytes' }],
    '/watched/small': [],
    '/watched/h2': [{ policy: 'maxBody', reason: 'more than 1024 bytes' }],
    '/watched/declared': [
      { policy: 'maxBody', reason: 'content-length 5000 is above the limit of 1024 bytes' },
    ],
    '/cut': [],
  })
  const observed = await runCli(['observed', 'watched.maxBody', '--since', '1h', '--json'], { cwd: folder })
  assert.equal(JSON.parse(observed.stdout).observed.length, 3, observed.stdout)
  await eventually(async () => {
    const { text } = await request(`${serving.admin}/metrics`)
    return /router="watched",policy="maxBody",decision="observe",reason="body_too_large"[^}]*\} 3\n/.test(
      text,
    )
  })
})
