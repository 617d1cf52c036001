import { once } from 'node:events'
import WebSocket from 'ws'

/** Opens that many tunnels, a hundred at a time. */
export async function openTunnels(port: number, count: number): Promise<WebSocket[]> {
  const tunnels: WebSocket[] = []
  while (tunnels.length < count) {
    const batch = Math.min(100, count - tunnels.length)
    tunnels.push(...(await Promise.all(Array.from({ length: batch }, () => openTunnel(port)))))
  }
  return tunnels
}

/** Sends a message and waits for its echo. Throws on another, and if none comes in five seconds. */
export async function echo(tunnel: WebSocket, text: string): Promise<void> {
  const answered = once(tunnel, 'message', { signal: AbortSignal.timeout(5000) })
  tunnel.send(text)
  const [data] = await answered
  if (String(data) !== text) throw new Error(`"${text}" came back as "${data}"`)
}

/** Sends a message on each tunnel whenever the last has come back, and counts those that came back. */
export async function echoFor(tunnels: readonly WebSocket[], seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000
  const counts = await Promise.all(tunnels.map((tunnel, index) => bounce(tunnel, { index, end })))
  return counts.reduce((total, each) => total + each, 0)
}

function bounce(tunnel: WebSocket, { index, end }: { index: number; end: number }): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let count = 0
  let sent = ''
  const send = () => {
    sent = `message ${count} of tunnel ${index}`.padEnd(64, '.')
    tunnel.send(sent)
  }
  tunnel.on('message', (data) => {
    if (String(data) !== sent) reject(new Error(`"${sent}" came back as "${data}"`))
    count++
    if (performance.now() < end) send()
    else resolve(count)
  })
  tunnel.on('close', () => reject(new Error('A tunnel was closed.')))
  send()
  return promise.finally(() => tunnel.removeAllListeners('message').removeAllListeners('close'))
}

async function openTunnel(port: number): Promise<WebSocket> {
  const tunnel = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false })
  await once(tunnel, 'open')
  tunnel.on('error', () => {})
  return tunnel
}
