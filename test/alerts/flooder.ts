import { Agent, request } from 'node:http'

/** Asks as fast as it can from each of the addresses, until it is killed: `node flooder.ts URL ADDRESS,ADDRESS,…` */

const [target = '', addresses = ''] = process.argv.slice(2)

for (const localAddress of addresses.split(',')) {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const ask = (): void => {
    const asked = request(target, { agent, localAddress }, (response) => {
      response.resume()
      response.on('end', ask)
      response.on('error', ask)
    })
    asked.on('error', () => setTimeout(ask, 100))
    asked.end()
  }
  for (let each = 0; each < 4; each++) ask()
}
