import { lookup } from 'node:dns/promises'
import { type BlockList, isIP, type LookupFunction } from 'node:net'
import { WebSocket } from 'ws'
import type { Logger } from '../../shared/logger.ts'
import { holds } from '../intake/senders.ts'
import { DeviceAway } from '../isapi/carrier.ts'
import { carryDirectly } from '../isapi/direct.ts'
import { decodeFrame, encodeFrame, type Frame, longestFrame } from './frames.ts'
import { agentPath } from './switchboard.ts'

export interface AgentSettings {
  /** `https://hikvision.example.com` */
  readonly server: string
  /** Connects there instead of where the server's name leads. */
  readonly address?: string
  readonly token: string
  /** Addresses that it may be sent to: those of the devices beside it. */
  readonly networks: BlockList
  /** Whether the server's certificate must be one that this machine trusts. */
  readonly verify: boolean
  readonly log: Logger
}

export interface Agent {
  stop(): void
}

/** Milliseconds. */
const [firstPause, longestPause, patience] = [500, 30_000, 45_000]

/**
 * Stands in the network of the devices, holds one connection to the server that it opened itself, and asks devices what
 * the server wants to know. It asks for nothing but ISAPI, and nobody but the addresses that it was given: whoever has
 * the server has not the whole network. Passwords of devices never pass through it, only proofs of them.
 */
export function runAgent(settings: AgentSettings): Agent {
  const { server, address, token, verify, log } = settings
  const url = new URL(agentPath, server)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  let failures = 0
  let isStopped = false
  let socket: WebSocket | undefined

  function connect(): void {
    const opened = new WebSocket(url, {
      headers: { Authorization: `Bearer ${token}` },
      rejectUnauthorized: verify,
      maxPayload: longestFrame,
      handshakeTimeout: 15_000,
      lookup: address === undefined ? undefined : lookupOf(address),
    })
    socket = opened
    // The server breathes every 15 s; who hears nothing any more begins anew.
    let silence = setTimeout(() => opened.terminate(), patience)
    const heard = () => {
      clearTimeout(silence)
      silence = setTimeout(() => opened.terminate(), patience)
    }
    opened.on('open', () => {
      failures = 0
      log.info('connected', { server })
    })
    opened.on('ping', heard)
    opened.on('message', (message, isBinary) => {
      heard()
      const frame = isBinary ? decodeFrame(message as Buffer) : undefined
      if (frame?.is === 'ask')
        void askDevice(frame, settings).then((answer) => {
          if (opened.readyState === WebSocket.OPEN) opened.send(encodeFrame(answer))
        })
    })
    opened.on('error', (error) => {
      if (failures === 0)
        log.warn('the server cannot be reached; trying again', { server, reason: error.message })
    })
    opened.on('close', () => {
      clearTimeout(silence)
      if (isStopped) return
      const pause = Math.min(longestPause, firstPause * 2 ** failures) * (0.75 + Math.random() / 2)
      failures += 1
      setTimeout(connect, pause)
    })
  }

  connect()
  return {
    stop() {
      isStopped = true
      socket?.close(1000)
      // A server that does not answer is not waited for.
      setTimeout(() => socket?.terminate(), 1_000).unref()
    },
  }
}

// --- internal ---

function lookupOf(address: string): LookupFunction {
  const family = isIP(address)
  return (_name, { all }, done) => (all ? done(null, [{ address, family }]) : done(null, address, family))
}

type Ask = Extract<Frame, { is: 'ask' }>

const nothing = Buffer.alloc(0)

async function askDevice({ id, ask, body }: Ask, { networks, log }: AgentSettings): Promise<Frame> {
  const away = (why: string): Frame => ({ is: 'away', id, why, body: nothing })
  try {
    const host = new URL(ask.base).hostname.replace(/^\[|\]$/g, '')
    if (!/^https?:\/\//.test(ask.base) || !/^\/ISAPI\/[!-~]*$/.test(ask.path))
      return away('its agent asks for ISAPI alone')
    // The address that was checked is the one that is connected to, or a name could lead elsewhere in between.
    const { address } = await lookup(host)
    if (!holds(networks, address)) {
      log.warn('the server asked for an address that this agent is not for', { host })
      return away(`its agent may not ask ${host}; see DEVICES there`)
    }
    const base = new URL(ask.base)
    base.hostname = address.includes(':') ? `[${address}]` : address
    const timeout = Math.min(ask.timeout, 120_000)
    const { body: content, ...answer } = await carryDirectly({ ...ask, base: base.origin, body, timeout })
    return { is: 'answer', id, answer, body: content }
  } catch (error) {
    return away(
      error instanceof DeviceAway ? error.message : `its agent could not ask: ${(error as Error).message}`,
    )
  }
}
