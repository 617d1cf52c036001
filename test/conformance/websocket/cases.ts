import { closeFrame, type FrameOptions, opcode, webSocketFrame } from './frames.ts'

/** What a client sends once the tunnel is open: bytes, and pauses in milliseconds. */
export interface WebSocketCase {
  readonly section: string
  readonly says: string
  readonly send: readonly (Buffer | number)[]
  /** How the client leaves; `wait` leaves it to the server. */
  readonly leave?: 'wait' | 'end' | 'destroy'
  /** Further lines of the handshake. */
  readonly handshake?: readonly string[]
}

const { continuation, text, binary, ping, pong } = opcode
const bye = closeFrame(1000)
const letters = (count: number): Buffer => Buffer.alloc(count, 'abcdefgh')
const frame = webSocketFrame
const part = (code: number, payload: string | Buffer, options: FrameOptions = {}) =>
  frame(code, payload, { fin: false, ...options })

const echoed = (section: string, says: string, ...send: (Buffer | number)[]): WebSocketCase => ({
  section,
  says,
  send: [...send, bye],
})
const ended = (section: string, says: string, ...send: (Buffer | number)[]): WebSocketCase => ({
  section,
  says,
  send,
})

const sizes = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 1 << 20]
const reservedOpcodes = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]
const goodCodes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
const badCodes = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]

const greeting = Buffer.from('κόσμε, grüße, 日本, 🌍')
const invalidTexts: readonly [says: string, bytes: number[]][] = [
  ['a lone continuation byte', [0x80]],
  ['a surrogate', [0xed, 0xa0, 0x80]],
  ['an overlong slash', [0xc0, 0xaf]],
  ['beyond the last letter', [0xf4, 0x90, 0x80, 0x80]],
  ['a letter cut off', [0xce, 0xba, 0xe1, 0xbd]],
  ['0xff', [0xff]],
]

/** In the spirit of the Autobahn test suite, RFC 6455 section by section. */
export const webSocketCases: readonly WebSocketCase[] = [
  ...sizes.flatMap((size) => [
    echoed('5.6', `text of ${size} bytes`, frame(text, letters(size))),
    echoed('5.6', `binary of ${size} bytes`, frame(binary, letters(size))),
  ]),
  echoed(
    '5.6',
    'a hundred messages at once',
    ...Array.from({ length: 100 }, (_, at) => frame(text, `message ${at}`)),
  ),
  echoed(
    '5.2',
    'a frame byte by byte',
    ...[...frame(text, 'slowly')].flatMap((byte) => [Buffer.from([byte]), 2]),
  ),
  echoed('5.2', 'a length in more bytes than needed, two', frame(text, 'x', { lengthBytes: 2 })),
  echoed('5.2', 'a length in more bytes than needed, eight', frame(text, 'x', { lengthBytes: 8 })),
  ended(
    '5.2',
    'a length above 2^63',
    Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]),
  ),
  ...[1, 2, 3, 4, 5, 6, 7].map((reserved) =>
    ended('5.2', `reserved bits ${reserved}`, frame(text, 'x', { reserved })),
  ),
  ...reservedOpcodes.map((code) => ended('5.2', `opcode ${code}`, frame(code, 'x'))),
  ended('5.1', 'a frame that is not masked', frame(text, 'x', { mask: false })),
  echoed('5.3', 'a mask of zeros', frame(text, 'plain', { mask: 0 })),
  echoed('5.3', 'a mask of ones', frame(text, 'plain', { mask: 0xffffffff })),

  echoed('5.4', 'two fragments', part(text, 'one '), frame(continuation, 'two')),
  echoed(
    '5.4',
    'a hundred fragments',
    part(binary, 'x'),
    ...Array.from({ length: 99 }, (_, at) => frame(continuation, letters(100), { fin: at === 98 })),
  ),
  echoed('5.4', 'empty fragments', part(text, ''), part(continuation, ''), frame(continuation, '')),
  echoed(
    '5.4',
    'a ping between fragments',
    part(text, 'one '),
    frame(ping, 'now'),
    frame(continuation, 'two'),
  ),
  ended('5.4', 'a fragmented ping', part(ping, 'x'), frame(continuation, 'y')),
  ended('5.4', 'a continuation of nothing', frame(continuation, 'x')),
  ended('5.4', 'a message within a message', part(text, 'one'), frame(text, 'two')),
  ended(
    '5.4',
    'a continuation after the end',
    part(text, 'one '),
    frame(continuation, 'two'),
    frame(continuation, 'three'),
  ),

  echoed('5.5.2', 'an empty ping', frame(ping)),
  echoed('5.5.2', 'a ping of 125 bytes', frame(ping, letters(125))),
  ended('5.5', 'a ping of 126 bytes', frame(ping, letters(126))),
  echoed('5.5.2', 'a ping of binary bytes', frame(ping, Buffer.from([0, 255, 254, 13, 10]))),
  echoed('5.5.3', 'a pong that nobody asked for', frame(pong, 'x'), frame(text, 'y')),
  echoed('5.5.2', 'ten pings', ...Array.from({ length: 10 }, (_, at) => frame(ping, `ping ${at}`))),

  echoed('8.1', 'letters of many alphabets', frame(text, greeting)),
  echoed(
    '8.1',
    'a letter cut by fragments',
    part(text, greeting.subarray(0, 3)),
    frame(continuation, greeting.subarray(3)),
  ),
  echoed('8.1', 'a letter cut by packets', ...packets(frame(text, greeting))),
  ...invalidTexts.map(([says, bytes]) =>
    ended('8.1', `text that is none: ${says}`, frame(text, Buffer.from(bytes))),
  ),
  ended(
    '8.1',
    'text that is none, in the second fragment',
    part(text, 'fine '),
    frame(continuation, Buffer.from([0xff])),
  ),
  echoed('8.1', 'the same bytes as binary', frame(binary, Buffer.from([0xff, 0xc0, 0xaf]))),

  ended('5.5.1', 'a close without a code', closeFrame()),
  ended('5.5.1', 'a close of one byte', frame(opcode.close, 'x')),
  ended('5.5.1', 'a close with a reason of 123 bytes', closeFrame(1000, letters(123))),
  ended('5.5.1', 'a close with a reason of 124 bytes', closeFrame(1000, letters(124))),
  ended('5.5.1', 'a close with a reason that is no text', closeFrame(1000, Buffer.from([0xff]))),
  ended('5.5.1', 'two closes', bye, bye),
  ended('5.5.1', 'a message behind the close', bye, frame(text, 'late')),
  ended('5.5.1', 'a ping behind the close', bye, frame(ping, 'late')),
  ...goodCodes.map((code) => ended('7.4', `close code ${code}`, closeFrame(code, 'reason'))),
  ...badCodes.map((code) => ended('7.4', `close code ${code}, which is none`, closeFrame(code, 'reason'))),

  { section: '7.1', says: 'a client that ends without a close', send: [frame(text, 'x'), 50], leave: 'end' },
  {
    section: '7.1',
    says: 'a client that drops the connection',
    send: [frame(text, 'x'), 50],
    leave: 'destroy',
  },
  echoed('5.6', 'binary of 16 MB in one frame', frame(binary, letters(16 << 20))),
  echoed(
    '5.4',
    'text of 4 MB in fragments of 64 KB',
    part(text, letters(65_536)),
    ...Array.from({ length: 63 }, (_, at) => frame(continuation, letters(65_536), { fin: at === 62 })),
  ),
  {
    section: '4.1',
    says: 'a subprotocol that is spoken',
    send: [frame(text, 'x'), bye],
    handshake: ['Sec-WebSocket-Protocol: first, chat'],
  },
  {
    section: '4.1',
    says: 'a subprotocol that is not spoken',
    send: [frame(text, 'x'), bye],
    handshake: ['Sec-WebSocket-Protocol: other'],
  },
  {
    section: '9.1',
    says: 'compression that is offered',
    send: [frame(text, 'x'), bye],
    handshake: ['Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'],
  },
  {
    section: '9.1',
    says: 'a compressed message',
    send: [frame(text, Buffer.from('4a04000000ffff', 'hex').subarray(0, 2), { reserved: 4 }), bye],
    handshake: ['Sec-WebSocket-Extensions: permessage-deflate'],
  },
  {
    section: '4.2.2',
    says: 'a version that is not spoken',
    send: [],
    handshake: ['Sec-WebSocket-Version: 8'],
  },
]

function packets(bytes: Buffer): (Buffer | number)[] {
  return [...bytes].flatMap((byte) => [Buffer.from([byte]), 1])
}
