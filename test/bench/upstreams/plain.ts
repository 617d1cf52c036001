import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '../../harness/eventually.ts'
import { freePort } from '../../harness/free-port.ts'
import { onEnd } from '../../harness/teardown.ts'
import { type Answer, ask } from '../contenders/ask.ts'
import { nginxFrame } from '../contenders/nginx.ts'
import { startChild } from '../machine/child.ts'
import { loadCore } from '../machine/cores.ts'
import type { Bench } from '../row.ts'

/** What the upstream answers to everything: 256 bytes that no proxy would make up. */
export const plainBody = 'gatehouse '.repeat(26).slice(0, 256)

export interface PlainUpstream {
  readonly port: number
  /** Requests that it has answered so far. */
  count(): Promise<number>
}

/** An nginx that answers 256 bytes to everything. It lasts as long as the row. */
export async function startPlainUpstream(bench: Bench): Promise<PlainUpstream> {
  const folder = join(bench.folder, 'upstream')
  await mkdir(folder)
  const [port, countPort] = [await freePort(), await freePort()]
  const config = nginxFrame(
    1,
    `
  server {
    listen 127.0.0.1:${port} backlog=4096;
    default_type text/plain;
    add_header X-Upstream plain;
    add_header Set-Cookie "one=1";
    add_header Set-Cookie "two=2";
    location / { return 200 "${plainBody}"; }
  }
  server {
    listen 127.0.0.1:${countPort};
    location / { stub_status; }
  }`,
  )
  await writeFile(join(folder, 'nginx.conf'), config)
  const args = ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log']
  const child = startChild({ file: 'nginx', args }, loadCore)
  onEnd(bench, child.stop)
  await eventually(() => ask({ port }))
  return {
    port,
    async count() {
      const { body } = await ask({ port: countPort })
      return Number(/^ \d+ \d+ (\d+)/m.exec(body.toString())?.[1])
    },
  }
}

/** Throws unless this is the upstream's answer, whole, with nothing lost and nothing left in that is between neighbours. */
export function assertPlainAnswer({ status, headers, body }: Answer, who: string): void {
  const faults: string[] = []
  if (status !== 200) faults.push(`status ${status}`)
  if (body.toString() !== plainBody) faults.push(`${body.length} bytes of another body`)
  if (headers['content-type'] !== 'text/plain') faults.push(`content-type ${headers['content-type']}`)
  if (headers['x-upstream'] !== 'plain') faults.push('a field is lost')
  if (headers['set-cookie']?.join() !== 'one=1,two=2') faults.push(`cookies ${headers['set-cookie']?.join()}`)
  if (faults.length > 0)
    throw new Error(`${who} answers wrongly: ${faults.join(', ')}: ${body.toString().slice(0, 300)}`)
}
