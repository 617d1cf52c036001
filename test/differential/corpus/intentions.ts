import { get, group, post, type Row, smuggled } from './case.ts'

/** RFC 9110 §7.6, §7.8 and §10.1: what a client asks of the connection, of the next hop, and of the proxy. */

const handshake = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]
const asks = (name: string, says: string, fields: string | readonly string[]): Row => [
  name,
  says,
  get('/a', fields),
]

export const intentions = group('intent', [
  [
    'Expect',
    'the body comes after the 100',
    [post(['Content-Length: 5', 'Expect: 100-continue']), 150, 'hello'],
  ],
  [
    'Expect, body at once',
    'the body does not wait',
    post(['Content-Length: 5', 'Expect: 100-continue'], 'hello'),
  ],
  [
    'Expect, chunked',
    'the body comes after the 100',
    [post(['Transfer-Encoding: chunked', 'Expect: 100-continue']), 150, '5\r\nhello\r\n0\r\n\r\n'],
  ],
  [
    'Expect, capitals',
    'expectations have no case',
    [post(['Content-Length: 5', 'Expect: 100-CONTINUE']), 150, 'hello'],
  ],
  ['Expect without a body', 'nothing comes', get('/a', 'Expect: 100-continue')],
  [
    'Expect, unknown',
    'an expectation that nobody meets',
    post(['Content-Length: 5', 'Expect: cake'], 'hello'),
  ],
  [
    'Expect twice',
    'two expectations',
    [post(['Content-Length: 5', 'Expect: 100-continue', 'Expect: 100-continue']), 150, 'hello'],
  ],
  [
    'Expect, list',
    'an expectation and another',
    post(['Content-Length: 5', 'Expect: 100-continue, cake'], 'hello'),
  ],
  [
    'Expect, HTTP/1.0',
    'to be ignored (RFC 9110 §10.1.1)',
    'POST /a HTTP/1.0\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello',
  ],
  [
    'Expect, folded',
    'an expectation on two lines',
    post(['Content-Length: 5', 'Expect: 100-\r\n continue'], 'hello'),
    0,
  ],
  [
    'Expect on what is closed',
    'the refused body is never asked for',
    'POST /closed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n',
  ],
  [
    'Expect, refused, then a request',
    'a client that did not wait, and a smuggled request',
    `POST /closed HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${smuggled.length}\r\nExpect: 100-continue\r\n\r\n${smuggled}`,
  ],
  ['WebSocket', 'a handshake', get('/ws', handshake)],
  ['WebSocket, then bytes', 'bytes belong to the tunnel', get('/ws', handshake) + smuggled],
  ['WebSocket, refused, then bytes', 'the upstream does not switch', get('/a', handshake) + smuggled],
  ['WebSocket by POST', 'a handshake is a GET', post([...handshake, 'Content-Length: 5'], 'hello')],
  [
    'WebSocket with a length',
    'a handshake has no body',
    get('/ws', [...handshake, `Content-Length: ${smuggled.length}`]) + smuggled,
  ],
  [
    'WebSocket with chunks',
    'a handshake has no body',
    `${get('/ws', [...handshake, 'Transfer-Encoding: chunked'])}0\r\n\r\n${smuggled}`,
  ],
  [
    'WebSocket in HTTP/1.0',
    'HTTP/1.0 knows no Upgrade',
    `GET /ws HTTP/1.0\r\nHost: localhost\r\n${handshake.map((line) => `${line}\r\n`).join('')}\r\n`,
  ],
  [
    'WebSocket, wrong version',
    'version 9 (tunnel smuggling)',
    get(
      '/ws',
      handshake.map((line) => line.replace('13', '9')),
    ) + smuggled,
  ],
  ['WebSocket, no key', 'a handshake without a key', get('/ws', handshake.slice(0, 3)) + smuggled],
  [
    'WebSocket, no Connection',
    'Upgrade without Connection means nothing',
    get(
      '/ws',
      handshake.filter((line) => !line.startsWith('Conn')),
    ),
  ],
  [
    'WebSocket, capitals',
    'protocol names have no case here',
    get('/ws', ['Upgrade: WebSocket', ...handshake.slice(1)]),
  ],
  [
    'WebSocket, list',
    'two protocols',
    get('/ws', ['Upgrade: h2c, websocket', ...handshake.slice(1)]) + smuggled,
    2,
  ],
  [
    'WebSocket, keep-alive too',
    'as Firefox says it',
    get('/ws', [handshake[0] ?? '', 'Connection: keep-alive, Upgrade', ...handshake.slice(2)]),
  ],
  ['WebSocket to what is closed', 'policies hold for upgrades', get('/closed', handshake)],
  ['WebSocket to /a/../closed', 'policies hold for upgrades', get('/a/../closed', handshake)],
  [
    'h2c',
    'an upgrade to HTTP/2 (h2c smuggling)',
    get('/ws', [
      'Upgrade: h2c',
      'Connection: Upgrade, HTTP2-Settings',
      'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
    ]),
  ],
  [
    'h2c, then bytes',
    'and bytes behind it',
    get('/ws', ['Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABk']) +
      smuggled,
    2,
  ],
  ['TLS upgrade', 'an upgrade to TLS', get('/ws', ['Upgrade: TLS/1.0', 'Connection: Upgrade'])],
  ['unknown upgrade', 'an upgrade to something', get('/ws', ['Upgrade: cake', 'Connection: Upgrade'])],
  ['empty upgrade', 'an upgrade to nothing', get('/ws', ['Upgrade:', 'Connection: Upgrade'])],
  asks('close', 'the last request', 'Connection: close'),
  asks('keep-alive', 'a polite one', 'Connection: keep-alive'),
  asks('close and keep-alive', 'both', 'Connection: close, keep-alive'),
  asks('unknown option', 'a name of nothing', 'Connection: cake'),
  asks('empty Connection', 'nothing', 'Connection:'),
  asks('commas', 'an empty list', 'Connection: ,,,'),
  asks('Connection names Host', 'to take the Host away', 'Connection: Host'),
  asks('Connection names X-Forwarded-For', 'to take away what we say', [
    'Connection: X-Forwarded-For',
    'X-Forwarded-For: 10.0.0.5',
  ]),
  asks('Connection names Authorization', 'to take it from the upstream', [
    'Connection: Authorization',
    'Authorization: Basic YTpi',
  ]),
  asks('Connection names Cookie', 'to take it from the upstream', ['Connection: Cookie', 'Cookie: a=1']),
  [
    'Connection names Content-Length',
    'to take away the framing',
    post(['Connection: Content-Length', 'Content-Length: 5'], 'hello'),
  ],
  [
    'Connection names Transfer-Encoding',
    'to take away the framing',
    post(['Connection: Transfer-Encoding', 'Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'),
  ],
  asks('Proxy-Connection', 'of old browsers', 'Proxy-Connection: keep-alive'),
  asks('Keep-Alive', 'a field of the connection', ['Connection: Keep-Alive', 'Keep-Alive: timeout=1, max=2']),
  asks('Proxy-Authorization', 'for a proxy, not for a service', 'Proxy-Authorization: Basic YTpi'),
  asks('Proxy', 'httpoxy', 'Proxy: http://evil'),
  asks('TE', 'trailers are welcome', ['TE: trailers', 'Connection: TE']),
  asks('TE, gzip', 'a coding is welcome', 'TE: gzip;q=0.5'),
  asks('Trailer on GET', 'it names trailers that never come', 'Trailer: X-Check'),
  asks('Max-Forwards', 'for TRACE and OPTIONS', 'Max-Forwards: 0'),
  [
    'Max-Forwards on OPTIONS',
    'the last hop answers (RFC 9110 §7.6.2)',
    'OPTIONS /a HTTP/1.1\r\nHost: localhost\r\nMax-Forwards: 0\r\n\r\n',
  ],
  asks('X-Original-URL', 'a path for some frameworks', 'X-Original-URL: /closed'),
  asks('X-HTTP-Method-Override', 'a method for some frameworks', 'X-HTTP-Method-Override: DELETE'),
  asks('X-Forwarded-Host', 'a host of somebody else', 'X-Forwarded-Host: evil'),
])
