import type { Switchboard } from '../agent/switchboard.ts'
import { type Isapi, isapiClient } from '../isapi/client.ts'
import { carryDirectly } from '../isapi/direct.ts'
import type { Devices, Reach } from './devices.ts'

/** The way to each device: over the network, or through the agent beside it. */
export interface Ways {
  /** Undefined if nobody said how it is reached. The same one as long as that stays, for it remembers what the device asks for. */
  to(device: number): Promise<Isapi | undefined>
  /** How it is reached has changed, or whether its password is right. */
  forget(device: number): void
}

export function openWays(devices: Devices, agents: Switchboard, timeout: number): Ways {
  const known = new Map<number, { as: string; isapi: Isapi }>()
  return {
    async to(device) {
      const reach = await devices.reach(device)
      if (reach === undefined) return undefined
      const as = JSON.stringify(reach)
      const before = known.get(device)
      if (before?.as === as) return before.isapi
      const isapi = isapiFor(reach)
      known.set(device, { as, isapi })
      return isapi
    },
    forget: (device) => void known.delete(device),
  }

  function isapiFor({ base, login, agent }: Reach): Isapi {
    const carry =
      agent === undefined
        ? carryDirectly
        : (request: Parameters<typeof carryDirectly>[0]) => agents.carry(agent, request)
    return isapiClient({ base, login, carry, timeout })
  }
}
