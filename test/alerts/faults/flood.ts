import { fileURLToPath } from 'node:url'
import { makeNetwork } from '../../harness/network.ts'
import type { Fault } from './fault.ts'

/** Who floods, a process of its own in a network of its own. */
const flooder = fileURLToPath(new URL('../flooder.ts', import.meta.url))

const addresses = Array.from({ length: 20 }, (_, at) => `203.0.113.${at + 1}`)

/** Twenty addresses of one network ask as fast as they can; a limit by client holds, and then the network is closed. */
export const flood: Fault = {
  name: 'flood from one network',
  alert: 'GatehouseRefusesMany',
  needs: ['netns'],
  async stage(t) {
    const network = makeNetwork(t, addresses)
    return {
      listenOn: '0.0.0.0',
      settings: 'defaults: { policies: { rateLimit: { limit: 20, per: 1s, by: client } } }',
      with: { network },
    }
  },
  async begin(stage) {
    const { network } = stage.with
    const target = `http://${network?.server}:${new URL(stage.url).port}/`
    network?.start(process.execPath, [flooder, target, addresses.join()])
    return async () => {
      // The runbook's mend. The flood goes on, and costs less.
      await stage.write(
        stage.routes.replace('policies: { rateLimit', 'policies: { deny: [203.0.113.0/24], rateLimit'),
      )
      await stage.process.said(/is taken up/)
    }
  },
  gameDay: {
    command: ['why', '--refused'],
    shows: /203\.0\.113\./,
    mended: '`deny: [203.0.113.0/24]` in routes.yaml',
    changed: 'nothing: users beside it were served',
  },
}
