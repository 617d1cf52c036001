import { type Explanation, named, stricter } from './explanation.ts'

/** Request lines, versions and methods. */
export const lines: readonly Explanation[] = [
  stricter(
    'Versions are one digit, a dot, one digit, and 1.1 is the last of this syntax (RFC 9112 §2.3). A higher minor one may be served as 1.1; nobody sends any.',
    named('line', ['HTTP/1.2', 'HTTP/1.9', 'HTTP/1.10', 'HTTP/1.01', 'HTTP/2.0', 'HTTP/3.0', 'HTTP/9.9']),
  ),
  stricter(
    'HTTP/0.9 has no fields, so no host and no framing; RFC 9112 does not know it any more. nginx serves it.',
    named('line', ['HTTP/0.9', 'HTTP/0.9, then a request', 'HTTP/0.9 with Host']),
  ),
  {
    verdict: 'harmless',
    because: 'A line without a version is a head that has not ended. It is ended by headTimeout, with 408.',
    differences: ['silence'],
    cases: named('line', ['HTTP/0.9']),
  },
  stricter(
    'One blank stands between the parts of a request line and none at its end (RFC 9112 §3).',
    named('line', ['tab before the target', 'tab before the version', 'blank behind the version']),
  ),
  {
    verdict: 'theirs is stricter, ours is right',
    because:
      'A recipient should take request lines of 8000 bytes at least (RFC 9112 §3) and may take more; ours are limited with the whole head, by limits.headerSize (32 kB).',
    differences: ['they refuse'],
    cases: ['line/16 kB target', 'field/20 kB value', 'field/9 kB name'],
  },
  {
    verdict: 'harmless',
    because:
      'Node’s parser takes RTSP/1.0 for HTTP/1.0 and does not tell. The request passes every policy, reaches the upstream as HTTP/1.1, and ends its connection.',
    differences: ['they refuse'],
    cases: named('line', ['RTSP/1.0']),
  },
  {
    ...stricter(
      'Node’s parser knows the registered methods and WebDAV’s, and refuses all others. An upstream with a method of its own cannot be served (RFC 9110 §9.1 would have it decide).',
      named('method', ['PRI', 'get', 'Get', 'GETX', 'FOO', 'G', '1GET', 'GET_X', "!#$%&'*+-.^_`|~"]),
      named('method', ['forty letters', 'five thousand letters']),
    ),
    verdict: 'ours does less, harmless',
  },
  stricter(
    'TRACE shows a client what only the proxy and its upstream know (RFC 9110 §9.3.8); CONNECT would make a reverse proxy an open one (§9.3.6).',
    named('method', ['TRACE', 'TRACE with a body', 'CONNECT to a host']),
  ),
]
