import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import httpProxy from 'http-proxy'
import type { Target } from '../../upstreams/upstream.ts'
import type { Outcome, Relay } from './attempt.ts'
import { relayRequest } from './relay-request.ts'
import { relayTunnel } from './relay-tunnel.ts'

/**
 * node-http-proxy is the engine: its `web()` and `ws()`, its events, its list of passes. The passes themselves
 * are ours, because the ones that come with it let requests be smuggled, rewrite the path after it was decided
 * on, and keep the upstream's socket when the client has gone.
 */
const engine = httpProxy.createProxyServer({})

interface PassOptions {
  relay: Relay
  to: Target
  outcome: Outcome
}
type Pass = (request: unknown, response: unknown, options: PassOptions, head?: Buffer) => void

const passes = engine as unknown as { webPasses: Pass[]; wsPasses: Pass[] }
passes.webPasses = [(_request, _response, { relay, to, outcome }) => relayRequest(relay, to, outcome)]
passes.wsPasses = [
  (_request, _socket, { relay, to, outcome }, head) => relayTunnel(relay, to, outcome, head as Buffer),
]

// Sockets have error handlers of their own; without a listener here the engine would throw.
engine.on('error', () => {})

/** Sends one attempt to one target. */
export function send(relay: Relay, target: Target, outcome: Outcome): void {
  const { request, response, upgrade } = relay.exchange
  const options = { target: placeholder, relay, to: target, outcome }
  if (upgrade === undefined) engine.web(request as IncomingMessage, response as ServerResponse, options)
  else engine.ws(request as IncomingMessage, upgrade.socket as Socket, upgrade.head, options)
}

/** The engine wants a target of its own form; ours are pools, so it gets one that is never used. */
const placeholder = new URL('http://target.invalid')
