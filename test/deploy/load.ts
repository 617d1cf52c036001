import { Agent, request } from 'node:https'

/**
 * Asks one address without pause, half over kept connections and half over new ones, until standard input ends. Then it prints
 * how many answers there were, how many of them were not 200, and why, and the longest time in which nobody was answered
 * well. For measurements: `node load.ts URL [ASKERS]`. Times are ms.
 */

const [url = '', askers = '6'] = process.argv.slice(2)
const kept = new Agent({ keepAlive: true, rejectUnauthorized: false })
const outcomes: Record<string, number> = {}
let slowest = 0
let longestGap = 0
let lastWell = performance.now()
let asking = true
process.stdin.resume().on('end', () => {
  asking = false
})

function ask(agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    request(url, { agent, timeout: 30_000, rejectUnauthorized: false, family: 4 }, (response) => {
      response.resume().on('end', () => resolve(String(response.statusCode)))
      response.on('error', (error: NodeJS.ErrnoException) => resolve(`cut: ${error.code}`))
    })
      .on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code ?? error.message)))
      .end()
  })
}

async function askOn(at: number): Promise<void> {
  while (asking) {
    const agent = at % 2 === 0 ? kept : new Agent({ rejectUnauthorized: false })
    const began = performance.now()
    const outcome = await ask(agent)
    slowest = Math.max(slowest, performance.now() - began)
    if (agent !== kept) agent.destroy()
    if (outcome === '200') {
      longestGap = Math.max(longestGap, performance.now() - lastWell)
      lastWell = performance.now()
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

await Promise.all(Array.from({ length: Number(askers) }, (_, at) => askOn(at)))
kept.destroy()
const { 200: well = 0, ...failed } = outcomes
console.log(
  JSON.stringify({
    asked: Object.values(outcomes).reduce((a, b) => a + b, 0),
    well,
    failed,
    slowest: Math.round(slowest),
    gap: Math.round(longestGap),
  }),
)
