import { get, group, post } from './case.ts'

/** RFC 9112 §9.3.2: several requests on one connection. */
export const pipelines = group('pipeline', [
  ['two', 'two requests', get('/1') + get('/2'), 2],
  ['ten', 'ten requests', Array.from({ length: 10 }, (_, i) => get(`/${i}`)).join(''), 10],
  [
    'with bodies',
    'bodies between them',
    post('Content-Length: 5', 'hello') +
      post('Transfer-Encoding: chunked', '5\r\nworld\r\n0\r\n\r\n') +
      get('/3'),
    3,
  ],
  ['close in between', 'nothing after the last is served', get('/1', 'Connection: close') + get('/2')],
  ['closed in between', 'a refused one between two', get('/1') + get('/closed') + get('/3'), 3],
  [
    'broken in between',
    'nothing after the broken is served',
    `${get('/1')}GET /2 HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n${get('/3')}`,
  ],
  [
    'no Host in between',
    'a refusal that leaves the framing whole',
    `${get('/1')}GET /2 HTTP/1.1\r\nX: y\r\n\r\n${get('/3')}`,
    2,
  ],
  [
    'HEAD first',
    'a response without a body between',
    `HEAD /1 HTTP/1.1\r\nHost: localhost\r\n\r\n${get('/2')}`,
    2,
  ],
  [
    'upgrade second',
    'a handshake behind a request',
    get('/1') +
      get('/ws', [
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ]),
    2,
  ],
  ['empty lines between', 'empty lines are skipped', `${get('/1')}\r\n\r\n${get('/2')}`, 2],
  ['half of the second', 'the client stops', `${get('/1')}GET /2 HTTP/1.1\r\nHo`],
  [
    'split over packets',
    'the second comes in pieces',
    [get('/1'), 40, 'GET /2 HT', 40, 'TP/1.1\r\nHost: localhost\r\n\r\n'],
    2,
  ],
  [
    'Expect, then another',
    'the body and a request',
    [post(['Content-Length: 5', 'Expect: 100-continue']), 100, `hello${get('/2')}`],
    2,
  ],
  [
    'another host',
    'each request is routed by itself',
    `${get('/1')}GET /closed HTTP/1.1\r\nHost: other\r\n\r\n`,
    2,
  ],
])
