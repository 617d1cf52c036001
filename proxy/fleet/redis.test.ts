import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { eventually } from '../../test/harness/eventually.ts'
import { needs } from '../../test/harness/parts.ts'
import { startRedis } from '../../test/harness/redis.ts'
import { onEnd, type Teardown } from '../../test/harness/teardown.ts'
import { countScript } from './count-script.ts'
import { openRedis } from './redis.ts'

/**
 * A primary died, and each proxy asked the sentinel where to go. While it waited for the answer the sentinel told the
 * failover; the client took that for the order to close what it had, gave up for good, and said "Connection is
 * closed." for ever: the proxy shared nothing until somebody restarted it.
 */
test('a failover that is told while it asks the sentinels does not end it', {
  ...needs('redis'),
  timeout: 120_000,
}, async (t) => {
  const server = await startRedis(t)
  const sentinel = await startSentinel(t, server.port)
  const redis = await openRedis({
    config: {
      sentinels: { name: 'gatehouse', addresses: [sentinel.address] },
      prefix: 'gatehouse:',
      database: 0,
      localShare: 'auto',
    },
    folder: '.',
    env: {},
    countScript,
    channel: 'news',
    heard() {},
    changed() {},
  })
  onEnd(t, () => redis.close())
  await eventually(() => redis.there && sentinel.watchers.size === 2, { timeout: 60_000 })

  sentinel.tellsBeforeItAnswers = 2
  await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
  await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await eventually(() => sentinel.tellsBeforeItAnswers === 0, { timeout: 60_000 })
  await eventually(() => redis.there, { timeout: 60_000 })
  assert.equal(await redis.call('PING'), 'PONG')
})

interface Sentinel {
  readonly address: string
  /** Connections that want to hear of failovers. */
  readonly watchers: ReadonlySet<Socket>
  /** Of so many questions it tells a failover before it answers, and waits until all who listen have gone. */
  tellsBeforeItAnswers: number
}

/** As much of a sentinel as a client speaks to. */
async function startSentinel(t: Teardown, port: number): Promise<Sentinel> {
  const watchers = new Set<Socket>()
  const sentinel: Sentinel & { address: string } = { address: '', watchers, tellsBeforeItAnswers: 0 }
  const tcp = createServer((socket) => {
    onEnd(t, () => void socket.destroy())
    socket.on('error', () => {})
    socket.on('close', () => watchers.delete(socket))
    let heard = ''
    socket.on('data', (chunk) => {
      heard += chunk
      for (const [whole, words] of commandsOf(heard)) {
        heard = heard.slice(whole.length)
        void answer(socket, words)
      }
    })
  })
  async function answer(socket: Socket, [name = '', ...rest]: string[]): Promise<void> {
    if (name === 'subscribe') {
      watchers.add(socket)
      socket.write(`>3\r\n${stringsOf('subscribe', ...rest)}:1\r\n`)
    } else if (name === 'sentinel' && rest[0] === 'get-master-addr-by-name') {
      if (sentinel.tellsBeforeItAnswers > 0) {
        for (const watcher of watchers)
          watcher.write(`>3\r\n${stringsOf('message', '+switch-master', 'gatehouse')}`)
        await eventually(() => watchers.size === 0, { timeout: 30_000 })
        sentinel.tellsBeforeItAnswers--
      }
      socket.write(`*2\r\n${stringsOf('127.0.0.1', String(port))}`)
    } else if (name === 'sentinel') socket.write('*0\r\n')
    else if (name === 'hello') socket.write(`%1\r\n${stringsOf('proto')}:3\r\n`)
    else socket.write('+OK\r\n')
  }
  tcp.listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  onEnd(t, () => void tcp.close())
  sentinel.address = `127.0.0.1:${(tcp.address() as AddressInfo).port}`
  return sentinel
}

/** The commands that are whole, with the bytes that each took. */
function commandsOf(text: string): [whole: string, words: string[]][] {
  const found: [string, string[]][] = []
  for (let rest = text; ; ) {
    const count = Number(/^\*(\d+)\r\n/.exec(rest)?.[1])
    const whole = new RegExp(`^\\*${count}\\r\\n(?:\\$\\d+\\r\\n[^\\r]*\\r\\n){${count}}`).exec(rest)?.[0]
    if (whole === undefined) return found
    const words = Array.from(whole.matchAll(/\$\d+\r\n([^\r]*)\r\n/g), ([, word = '']) => word.toLowerCase())
    found.push([whole, words])
    rest = rest.slice(whole.length)
  }
}

function stringsOf(...words: string[]): string {
  return words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')
}
