import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onEnd, type Teardown } from './teardown.ts'
import { tempFolder } from './temp-folder.ts'

/** A name server that can be told to say nothing. */
export interface NameServer {
  /** Names and their IPv4 addresses. Names that are in here with `undefined` get no answer, others are not there. */
  readonly names: Map<string, string | undefined>
  /** Questions so far, by name. */
  readonly asked: Map<string, number>
  /**
   * A program and its arguments that lets another use this name server and no hosts file, in a mount namespace
   * of its own. Ask for it with `needs('netns')`.
   */
  readonly by: readonly string[]
}

export async function startNameServer(
  t: Teardown,
  names: Readonly<Record<string, string | undefined>>,
): Promise<NameServer> {
  const server = createSocket('udp4')
  const table = new Map(Object.entries(names))
  const asked = new Map<string, number>()
  server.on('message', (question, { port, address }) => {
    const name = nameIn(question)
    asked.set(name, (asked.get(name) ?? 0) + 1)
    if (table.has(name) && table.get(name) === undefined) return
    server.send(answerTo(question, table.get(name)), port, address)
  })
  // Resolvers know no other port. An address of loopback that is this test's own.
  const host = `127.53.${(process.pid >> 8) & 255}.${process.pid & 255}`
  server.bind(53, host)
  await once(server, 'listening')
  onEnd(t, () => void server.close())

  const folder = await tempFolder(t)
  const settings = join(folder, 'resolv.conf')
  const hosts = join(folder, 'hosts')
  await writeFile(settings, `nameserver ${host}\n`)
  await writeFile(hosts, '127.0.0.1 localhost\n')
  const script = `mount --bind ${settings} /etc/resolv.conf && mount --bind ${hosts} /etc/hosts && exec "$@"`
  return { names: table, asked, by: ['unshare', '--mount', 'sh', '-c', script, 'sh'] }
}

/** The name in the first question of a message (RFC 1035 §4.1.2). */
function nameIn(message: Buffer): string {
  const labels: string[] = []
  for (let at = 12; message[at] !== 0; at += 1 + (message[at] as number))
    labels.push(message.toString('latin1', at + 1, at + 1 + (message[at] as number)))
  return labels.join('.').toLowerCase()
}

/** The question again, with an address if it is known and asked for, or with NXDOMAIN. */
function answerTo(question: Buffer, address: string | undefined): Buffer {
  const end = 12 + nameIn(question).length + 2 + 4
  const isA = question.readUInt16BE(end - 4) === 1
  const head = Buffer.from(question.subarray(0, end))
  head.writeUInt16BE(address === undefined ? 0x8183 : 0x8180, 2)
  head.writeUInt16BE(address !== undefined && isA ? 1 : 0, 6)
  // No further records: what the question added of its own (EDNS) is not repeated.
  head.writeUInt32BE(0, 8)
  if (address === undefined || !isA) return head
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)])
  return Buffer.concat([head, record])
}
