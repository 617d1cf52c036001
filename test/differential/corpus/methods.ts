import { group, type Row, smuggled } from './case.ts'

/** RFC 9110 §9 and RFC 9112 §3.1: methods are tokens with a case. */

const method = (name: string, says: string, requests = 1): Row => [
  name,
  says,
  `${name} /a HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  requests,
]

export const methods = group('method', [
  method('HEAD', 'no body comes back'),
  method('OPTIONS', 'a plain OPTIONS'),
  method('PUT', 'a PUT without a body'),
  method('DELETE', 'a plain DELETE'),
  method('PATCH', 'a PATCH without a body'),
  method('PROPFIND', 'WebDAV'),
  method('MKCOL', 'WebDAV'),
  method('REPORT', 'WebDAV'),
  method('M-SEARCH', 'a method with a hyphen'),
  method('QUERY', 'a newer method'),
  method('PURGE', 'for caches'),
  method('PRI', 'the preface of HTTP/2'),
  method('SOURCE', 'Icecast'),
  method('TRACE', 'it would echo what it must not'),
  method('CONNECT', 'a tunnel, with a path for a target', 0),
  [
    'CONNECT to a host',
    'a tunnel (RFC 9110 §9.3.6)',
    `CONNECT internal:22 HTTP/1.1\r\nHost: internal:22\r\n\r\n${smuggled}`,
    0,
  ],
  [
    'TRACE with a body',
    'TRACE has no body',
    'TRACE /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello',
  ],
  method('get', 'methods have a case'),
  method('Get', 'methods have a case'),
  method('GETX', 'a method that nobody made'),
  method('FOO', 'a method that nobody made'),
  method('G', 'one letter'),
  method('1GET', 'a digit first'),
  method('GET_X', 'an underscore'),
  method("!#$%&'*+-.^_`|~", 'all that a token may be'),
  ['forty letters', 'a long method', `X${'Y'.repeat(40)} /a HTTP/1.1\r\nHost: localhost\r\n\r\n`],
  [
    'five thousand letters',
    'a method that is too long',
    `X${'Z'.repeat(5000)} /a HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  ],
  method('GE(T', 'a character that a token may not have', 0),
  method('GE\x00T', 'a NUL', 0),
  method('GE\xcfT', 'a letter beyond ASCII', 0),
  method('"GET"', 'quotes', 0),
  method('GET,POST', 'two methods', 0),
])
