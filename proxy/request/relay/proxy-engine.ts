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
const engine = httpProxy.createProxyServer({ target: new URL('http://target.invalid') })

/**
 * A pass gets the callback that its engine was given, and there the attempt comes in. Options of a request would be
 * copied over those of the engine, key by key, for each request. The target is one that is never used: the engine wants
 * one of its own form, and ours are pools.
 */
type Pass = (
  request: unknown,
  response: unknown,
  options: unknown,
  head: unknown,
  engine: unknown,
  begin: Begin,
) => void
type Begin = () => void

const begin: Pass = (...[, , , , , attempt]) => attempt()
const passes = engine as unknown as { webPasses: Pass[]; wsPasses: Pass[] }
passes.webPasses = [begin]
passes.wsPasses = [begin]

// Sockets have error handlers of their own; without a listener here the engine would throw.
engine.on('error', () => {})

/** Sends one attempt to one target. */
export function send(relay: Relay, target: Target, outcome: Outcome): void {
  const { request, response, upgrade } = relay.exchange
  if (upgrade === undefined) {
    const attempt: Begin = () => relayRequest(relay, target, outcome)
    engine.web(request as IncomingMessage, response as ServerResponse, attempt)
  } else {
    const attempt: Begin = () => relayTunnel(relay, target, outcome, upgrade.head)
    engine.ws(request as IncomingMessage, upgrade.socket as Socket, upgrade.head, attempt)
  }
}
