import { type Explanation, named, stricter } from './explanation.ts'

/** What a client asks of the connection, and several requests on one. */
export const intentions: readonly Explanation[] = [
  {
    verdict: 'harmless',
    because:
      'A 100 may be left out where the request has no body or comes by HTTP/1.0, and must not be sent to the latter (RFC 9110 §10.1.1).',
    differences: ['answers'],
    cases: named('intent', ['Expect without a body', 'Expect, HTTP/1.0', 'Expect, list']),
  },
  stricter(
    'An expectation that is not known may be answered 417 (RFC 9110 §10.1.1).',
    named('intent', ['Expect, unknown']),
  ),
  {
    verdict: 'theirs is stricter, ours is right',
    because: 'Expect is a list (RFC 9110 §10.1.1), so it may be said twice.',
    differences: ['they refuse'],
    cases: named('intent', ['Expect twice']),
  },
  stricter(
    'Two credentials make the proxy check one and the upstream the other. Authorization is no list (RFC 9110 §11.6.2, §5.3).',
    named('field', ['Authorization twice']),
  ),
  stricter(
    'A WebSocket handshake is a GET of HTTP/1.1 without a body (RFC 6455 §4.1). The body’s bytes would be frames to one side and a request to the other; nginx tunnels them.',
    named('intent', ['WebSocket by POST', 'WebSocket with a length', 'WebSocket with chunks']),
    named('intent', ['WebSocket in HTTP/1.0']),
  ),
  {
    verdict: 'harmless',
    because:
      'Upgrade without the connection option means nothing (RFC 9110 §7.8): ours is an ordinary request. nginx, as it is commonly configured, passes it on as an upgrade.',
    differences: ['answers'],
    cases: named('intent', ['WebSocket, no Connection']),
  },
  {
    verdict: 'ours is stricter',
    because:
      'Bytes that come behind a wish to upgrade are no requests: they were meant for another protocol, if the upstream had taken it (RFC 9110 §7.8). The connection ends with the answer.',
    differences: ['requests'],
    cases: named('intent', ['WebSocket, refused, then bytes', 'WebSocket, list', 'h2c, then bytes']),
  },
  {
    verdict: 'theirs is stricter, ours is right',
    because:
      'Whether a handshake is one is for the server that speaks WebSocket to say (RFC 6455 §4.2.2). The tunnel opens after its 101 and not before.',
    differences: ['they refuse'],
    cases: named('intent', ['WebSocket, no key']),
  },
  {
    verdict: 'ours does less, harmless',
    because:
      'A handshake that is pipelined behind a request gets no answer and the connection ends, which RFC 9112 §9.3.2 lets a client expect. No WebSocket client does it.',
    differences: ['requests'],
    cases: named('pipeline', ['upgrade second']),
  },
  {
    verdict: 'harmless',
    because:
      'The request without a Host is refused by itself, since its end is known; nginx closes with it, and HAProxy serves it.',
    differences: ['requests'],
    cases: named('pipeline', ['no Host in between']),
  },
]
