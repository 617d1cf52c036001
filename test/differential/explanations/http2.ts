import { type Explanation, named, stricter } from './explanation.ts'

/** Requests over HTTP/2, beside nginx. */
export const http2: readonly Explanation[] = [
  stricter(
    'Fields of a connection make a request of HTTP/2 malformed (RFC 9113 §8.2.2). nginx drops them.',
    named('h2', ['Transfer-Encoding', 'Connection', 'Keep-Alive', 'Proxy-Connection', 'Upgrade', 'TE, gzip']),
  ),
  stricter('Pseudo-fields stand before all others (RFC 9113 §8.3).', named('h2', ['pseudo-field late'])),
  stricter(
    'Userinfo in :authority makes a request malformed (RFC 9113 §8.3.1).',
    named('h2', ['authority with userinfo']),
  ),
  stricter(
    'A path is refused over HTTP/2 for what it is refused for over HTTP/1.1 (RFC 3986 §3.3).',
    named('h2', ['path with a fragment', 'path with raw UTF-8', 'path /a%2fclosed']),
  ),
  stricter('A request has 100 fields at most (RFC 9110 §5.4).', named('h2', ['150 fields'])),
  {
    verdict: 'theirs is stricter, ours is right',
    because: 'Requests may have trailers (RFC 9113 §8.1). nginx takes none; ours are dropped.',
    differences: ['they refuse'],
    cases: named('h2', ['trailers', 'trailers and no body']),
  },
  {
    verdict: 'theirs is stricter, ours is right',
    because: 'Host beside :authority is allowed where both are equal (RFC 9113 §8.3.1).',
    differences: ['they refuse'],
    cases: named('h2', ['host, equal']),
  },
  {
    verdict: 'ours does less, harmless',
    because:
      'RFC 9113 §8.2.1 asks for a refusal. Node’s HTTP/2 drops such a field instead, so neither a policy nor the upstream sees it, and the request is served without it.',
    differences: ['they refuse'],
    cases: named('h2', [
      'empty name',
      'blank in a name',
      'colon in a name',
      'CRLF in a name',
      'CRLF in a value',
      'LF in a value',
      'CR in a value',
      'NUL in a value',
    ]),
  },
  {
    verdict: 'harmless',
    because:
      'Bytes against a length of 0 reset the stream (RFC 9113 §8.1.1); nginx answers 400 first. Both upstreams have got a request without a body by then, and nothing of what came after it.',
    differences: ['answers'],
    cases: named('h2', ['length too short']),
  },
  {
    verdict: 'harmless',
    because: 'A 100 may be sent where a client asks for it (RFC 9110 §10.1.1); nginx sends none over HTTP/2.',
    differences: ['answers'],
    cases: named('h2', ['Expect']),
  },
]
