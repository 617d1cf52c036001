import { type Explanation, named, stricter } from './explanation.ts'

/** Hosts and targets. */
export const addresses: readonly Explanation[] = [
  stricter(
    'HTTP/1.1 without Host is answered 400, whatever the form of its target (RFC 9112 §3.2).',
    named('host', ['none', 'absolute form without Host', 'empty', 'blank']),
  ),
  stricter('Two Hosts are answered 400, equal or not (RFC 9112 §3.2).', named('host', ['twice, equal'])),
  stricter(
    'What is no host and port is answered 400 (RFC 9112 §3.2): a proxy that routes by one half of it and an upstream that reads the other is how rules are walked around.',
    named('host', ['port of letters', 'port too large', 'port negative', 'two ports', 'two trailing dots']),
    named('host', ['leading dot', 'dot', 'IPv6 without brackets', 'IPv6, open', 'IPv6, zone']),
    named('host', ['IPv6, words behind', 'UTF-8', 'percent', 'userinfo', 'path', 'query', 'fragment']),
    named('host', ['backslash', 'two hosts', 'list', 'scheme', 'quotes', 'wildcard', 'angle bracket']),
    named('host', ['300 letters']),
  ),
  {
    ...stricter(
      'A colon without a port is allowed (RFC 3986 §3.2.3) and asked to be left out by the same section. No client sends it.',
      named('host', ['empty port']),
    ),
    verdict: 'ours does less, harmless',
  },
  stricter(
    'An absolute target is http or https, with a host and without userinfo or fragment (RFC 9110 §4.2, RFC 9112 §3.2.2).',
    named('host', ['absolute form, userinfo', 'absolute form, no host', 'absolute form, fragment']),
    named('host', ['absolute form, ftp', 'absolute form, ws']),
  ),
  {
    verdict: 'theirs is stricter, ours is right',
    because:
      'An absolute target is served, and its host beats Host (RFC 9112 §3.2.2). HAProxy wants both to be equal.',
    differences: ['they refuse'],
    cases: named('host', ['absolute form, other host', 'absolute form, query alone', 'absolute form, port']),
  },
  {
    verdict: 'ours is stricter',
    because:
      'The upstream of a reverse proxy is an origin server: it gets the path alone (RFC 9112 §3.2.1), and the host that was decided on in Host.',
    differences: ['target'],
    cases: named('host', [
      'absolute form',
      'absolute form, https',
      'absolute form, capitals',
      'absolute form, no path',
      'absolute form, HTTP/1.0',
    ]),
  },
  {
    verdict: 'ours is stricter',
    because:
      'The upstream gets the path that was decided on, in its one form (RFC 3986 §6.2.2): no empty or dot segments, escapes only where they are needed. The others decide on one form, or none, and send the other.',
    differences: ['target'],
    cases: named('target', ['/a//closed', '/a/..', '/a/.', '/%7euser', '/caf%c3%a9', '//localhost/closed']),
  },
  stricter(
    'HAProxy compares the path as it came. Each of these reads as /closed to an upstream that knows RFC 3986 §5.2.4 and §6.2.2, and reached it.',
    named('target', ['//closed', '///closed', '/./closed', '/a/../closed', '/a/..//closed']),
    named('target', ['/a/%2e%2e/closed', '/a/%2E./closed', '/%2e/closed', '/%63losed']),
    named('target', ['/%63%6c%6f%73%65%64', 'http://localhost//closed']),
    named('target', ['http://localhost/a/%2e%2e/closed', `${`/${'a/../'.repeat(8)}`.slice(0, 40)}…`]),
    named('intent', ['WebSocket to /a/../closed']),
  ),
  stricter(
    'A segment with parameters is one name to some and two to others (RFC 3986 §3.3); where dropping them leads to another route, or to a dot segment, nobody can say what was asked for.',
    named('target', ['/closed;x', '/a/..;/closed', '/a/.;/closed', '/;x/closed']),
  ),
  stricter(
    'A slash, backslash, percent sign, NUL or control character that is escaped, overlong or full-width becomes structure in some upstreams and stays a letter in others (RFC 3986 §2.2, §7.3).',
    named('target', ['/a%2fclosed', '/a%2F..%2Fclosed', '/%2fclosed', '/a%5c..%5cclosed', '/%2563losed']),
    named('target', ['/%252e%252e/closed', '/a%252fclosed', '/closed%00', '/closed%00.html']),
    named('target', ['/closed%0d%0aX:y', '/closed%09', '/%c0%afclosed', '/%c0%ae%c0%ae/closed']),
    named('target', ['/%e0%80%afclosed', '/%ef%bc%8fclosed', '/%ef%bc%8e%ef%bc%8e/closed', '/%ff']),
  ),
  stricter(
    'A path may not hold backslashes, blanks, control characters or bytes beyond ASCII (RFC 3986 §3.3), nor a target a fragment (RFC 9112 §3.2.1); a percent sign stands before two hexadecimal digits (RFC 3986 §2.1).',
    named('target', [
      '/\\\\closed',
      '/a\\\\..\\\\closed',
      '/caf\xc3\xa9',
      '/\xff',
      '/a\x7fb',
      '/a#b',
      '/a?b#c',
    ]),
    named('target', ['/a?\xc3\xa9', '/closed%', '/closed%2', '/closed%zz', '/%u0063losed']),
  ),
  stricter(
    'Nothing is above the root (RFC 3986 §5.2.4 would drop it); who asks for it means another tree.',
    named('target', ['/../closed', '/..', '/a/../../closed', 'http://localhost/../closed']),
  ),
  stricter(
    'The asterisk is for OPTIONS (RFC 9112 §3.2.4), of a server as a whole, and behind this one are many.',
    named('target', ['*', 'OPTIONS *']),
  ),
  {
    verdict: 'theirs is stricter, ours is right',
    because:
      'nginx’s `location /closed` is a prefix of letters. A rule for /closed says nothing of /closedx.',
    differences: ['they refuse'],
    cases: named('target', ['/closedx', '/closed%20']),
  },
]
