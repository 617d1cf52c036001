import {
  data,
  encodeFields,
  flag,
  frame,
  getFields,
  headers,
  ping,
  resetStream,
  settings,
  frameType as type,
  windowUpdate,
} from '../../harness/http2-frames.ts'
import { code, type FrameRule } from './rule.ts'

const get = (stream = 1): Buffer => headers(stream, getFields('/a'))
/** A request whose body is still to come. */
const open = (stream = 1): Buffer => headers(stream, postFields, { endStream: false })
const postFields = getFields('/a').map(
  ([name, value]) => [name, name === ':method' ? 'POST' : value] as const,
)
const block = encodeFields(getFields('/a'))
const longBlock = encodeFields([...getFields('/a'), ['x', 'y'.repeat(100)]])
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}
const protocol = { connectionError: [code.protocolError] } as const
const frameSize = { connectionError: [code.frameSizeError] } as const
const closed = { connectionError: [code.streamClosed, code.protocolError] } as const

/** RFC 9113 §4 to §6: frames, streams, and each type of frame. */
export const frameRules: readonly FrameRule[] = [
  {
    section: '4.1',
    says: 'A frame of an unknown type is ignored',
    send: [frame(0x16, 0, 0, 'unknown!'), get()],
    want: { served: 1 },
  },
  {
    section: '4.1',
    says: 'Flags that mean nothing are ignored',
    send: [frame(type.ping, 0xfe, 0, '12345678'), get()],
    want: { served: 1 },
  },
  {
    section: '4.1',
    says: 'The reserved bit of a stream is ignored',
    send: [frame(type.headers, flag.endHeaders | flag.endStream, 0x80000001, block)],
    want: { served: 1 },
  },
  {
    section: '4.2',
    says: 'DATA of 16,384 bytes is taken',
    send: [open(), data(1, Buffer.alloc(16_384))],
    want: { served: 1 },
  },
  {
    section: '4.2',
    says: 'HEADERS that are larger are FRAME_SIZE_ERROR',
    send: [frame(type.headers, 5, 1, Buffer.alloc(16_385))],
    want: frameSize,
  },
  {
    section: '4.3',
    says: 'A field block that cannot be decoded is COMPRESSION_ERROR',
    send: [frame(type.headers, 5, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))],
    want: { connectionError: [code.compressionError] },
  },
  {
    section: '4.3',
    says: 'An index beyond the table is COMPRESSION_ERROR',
    send: [frame(type.headers, 5, 1, Buffer.concat([block, Buffer.from([0xbe])]))],
    want: { connectionError: [code.compressionError] },
  },
  {
    section: '4.3',
    says: 'A table larger than allowed is COMPRESSION_ERROR',
    send: [frame(type.headers, 5, 1, Buffer.concat([Buffer.from([0x3f, 0xe1, 0xff, 0x03]), block]))],
    want: { connectionError: [code.compressionError] },
  },
  {
    section: '4.3',
    says: 'A change of the table behind a field is COMPRESSION_ERROR',
    send: [frame(type.headers, 5, 1, Buffer.concat([block, Buffer.from([0x20])]))],
    want: { connectionError: [code.compressionError] },
  },
  {
    section: '4.3',
    says: 'Another frame within a field block is PROTOCOL_ERROR',
    send: [
      frame(type.headers, flag.endStream, 1, block.subarray(0, 9)),
      ping(),
      frame(type.continuation, 4, 1, block.subarray(9)),
    ],
    want: protocol,
  },
  {
    section: '4.3',
    says: 'Another stream within a field block is PROTOCOL_ERROR',
    send: [
      frame(type.headers, flag.endStream, 1, block.subarray(0, 9)),
      get(3),
      frame(type.continuation, 4, 1, block.subarray(9)),
    ],
    want: protocol,
  },
  {
    section: '5.5',
    says: 'An unknown frame within a field block is PROTOCOL_ERROR',
    send: [
      frame(type.headers, flag.endStream, 1, block.subarray(0, 9)),
      frame(0x16, 0, 1, 'x'),
      frame(type.continuation, 4, 1, block.subarray(9)),
    ],
    want: protocol,
  },

  { section: '5.1', says: 'DATA on an idle stream is PROTOCOL_ERROR', send: [data(1, 'x')], want: protocol },
  {
    section: '5.1',
    says: 'RST_STREAM on an idle stream is PROTOCOL_ERROR',
    send: [resetStream(1)],
    want: protocol,
  },
  {
    section: '5.1',
    says: 'WINDOW_UPDATE on an idle stream is PROTOCOL_ERROR',
    send: [windowUpdate(1, 100)],
    want: protocol,
  },
  {
    section: '5.1',
    says: 'CONTINUATION on an idle stream is PROTOCOL_ERROR',
    send: [frame(type.continuation, 4, 1, block)],
    want: protocol,
  },
  {
    section: '5.1',
    says: 'DATA behind the end of a request is STREAM_CLOSED',
    send: [get(), data(1, 'x')],
    want: { streamError: [code.streamClosed] },
  },
  {
    section: '5.1',
    says: 'HEADERS behind the end of a request are STREAM_CLOSED',
    send: [get(), get()],
    want: { streamError: [code.streamClosed, code.protocolError] },
  },
  {
    section: '5.1',
    says: 'CONTINUATION behind the end of a request is an error',
    send: [get(), frame(type.continuation, 4, 1, block)],
    want: closed,
  },
  {
    section: '5.1',
    says: 'DATA on a stream that was reset is STREAM_CLOSED, or ignored',
    send: [open(), resetStream(1), data(1, 'x'), get(3)],
    want: { served: 3 },
  },
  {
    section: '5.1',
    says: 'WINDOW_UPDATE behind the end of a request is fine',
    send: [get(), windowUpdate(1, 100)],
    want: { served: 1 },
  },
  {
    section: '5.1',
    says: 'RST_STREAM behind the end of a request is fine',
    send: [get(), resetStream(1), get(3)],
    want: { served: 3 },
  },
  { section: '5.1.1', says: 'A stream of an even number is PROTOCOL_ERROR', send: [get(2)], want: protocol },
  {
    section: '5.1.1',
    says: 'A stream below an earlier one is PROTOCOL_ERROR',
    known: 'nghttp2 takes the stream for one that has ended, and ignores it.',
    send: [get(5), get(3)],
    want: closed,
  },
  { section: '5.1.1', says: 'Streams may be left out', send: [get(101)], want: { served: 101 } },

  { section: '6.1', says: 'DATA on stream 0 is PROTOCOL_ERROR', send: [data(0, 'x')], want: protocol },
  {
    section: '6.1',
    says: 'Padding that is longer than the frame is PROTOCOL_ERROR',
    send: [open(), frame(type.data, flag.padded, 1, Buffer.from([200, 1, 2]))],
    want: protocol,
  },
  {
    section: '6.1',
    says: 'Padding of DATA is taken',
    send: [
      open(),
      frame(
        type.data,
        flag.padded | flag.endStream,
        1,
        Buffer.concat([Buffer.from([3]), Buffer.from('hello\0\0\0')]),
      ),
    ],
    want: { served: 1 },
  },
  { section: '6.2', says: 'HEADERS on stream 0 are PROTOCOL_ERROR', send: [get(0)], want: protocol },
  {
    section: '6.2',
    says: 'Padding that is longer than HEADERS is PROTOCOL_ERROR',
    send: [frame(type.headers, 5 | flag.padded, 1, Buffer.concat([Buffer.from([255]), block]))],
    want: protocol,
  },
  {
    section: '6.2',
    says: 'HEADERS with padding and a priority are taken',
    send: [
      frame(
        type.headers,
        5 | flag.padded | flag.priority,
        1,
        Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 15]), block, Buffer.alloc(2)]),
      ),
    ],
    want: { served: 1 },
  },
  {
    section: '6.3',
    says: 'PRIORITY is ignored, on any stream',
    send: [frame(type.priority, 0, 9, Buffer.from([0, 0, 0, 0, 15])), get()],
    want: { served: 1 },
  },
  {
    section: '6.3',
    says: 'PRIORITY on stream 0 is PROTOCOL_ERROR',
    known: 'nghttp2 ignores it, as it does every PRIORITY.',
    send: [frame(type.priority, 0, 0, Buffer.from([0, 0, 0, 1, 15]))],
    want: protocol,
  },
  {
    section: '6.3',
    says: 'PRIORITY of another length than 5 is FRAME_SIZE_ERROR',
    send: [open(), frame(type.priority, 0, 1, Buffer.from([0, 0, 0, 1]))],
    want: { streamError: [code.frameSizeError] },
  },
  {
    section: '6.4',
    says: 'RST_STREAM on stream 0 is PROTOCOL_ERROR',
    send: [resetStream(0)],
    want: protocol,
  },
  {
    section: '6.4',
    says: 'RST_STREAM of another length than 4 is FRAME_SIZE_ERROR',
    send: [open(), frame(type.rstStream, 0, 1, Buffer.alloc(3))],
    want: frameSize,
  },
  {
    section: '7',
    says: 'An unknown error code is like any other',
    send: [open(), resetStream(1, 0xff), get(3)],
    want: { served: 3 },
  },

  {
    section: '6.5',
    says: 'SETTINGS with ACK and a payload are FRAME_SIZE_ERROR',
    send: [frame(type.settings, flag.ack, 0, Buffer.alloc(6))],
    want: frameSize,
  },
  {
    section: '6.5',
    says: 'SETTINGS on a stream are PROTOCOL_ERROR',
    send: [frame(type.settings, 0, 1, '')],
    want: protocol,
  },
  {
    section: '6.5',
    says: 'SETTINGS of a length that is no sixfold are FRAME_SIZE_ERROR',
    send: [frame(type.settings, 0, 0, Buffer.alloc(5))],
    want: frameSize,
  },
  {
    section: '6.5.2',
    says: 'ENABLE_PUSH of 2 is PROTOCOL_ERROR',
    send: [settings([[2, 2]])],
    want: protocol,
  },
  {
    section: '6.5.2',
    says: 'INITIAL_WINDOW_SIZE above 2^31-1 is FLOW_CONTROL_ERROR',
    send: [settings([[4, 0x80000000]])],
    want: { connectionError: [code.flowControlError] },
  },
  {
    section: '6.5.2',
    says: 'MAX_FRAME_SIZE below 16,384 is PROTOCOL_ERROR',
    send: [settings([[5, 16_383]])],
    want: protocol,
  },
  {
    section: '6.5.2',
    says: 'MAX_FRAME_SIZE above 2^24-1 is PROTOCOL_ERROR',
    send: [settings([[5, 0x1000000]])],
    want: protocol,
  },
  {
    section: '6.5.2',
    says: 'An unknown setting is ignored',
    send: [settings([[0xff, 1]]), get()],
    want: { served: 1 },
  },
  {
    section: '6.6',
    says: 'PUSH_PROMISE of a client is PROTOCOL_ERROR',
    send: [open(), frame(type.pushPromise, 4, 1, Buffer.concat([uint32(2), block]))],
    want: protocol,
  },
  {
    section: '6.7',
    says: 'PING on a stream is PROTOCOL_ERROR',
    send: [frame(type.ping, 0, 1, '12345678')],
    want: protocol,
  },
  {
    section: '6.7',
    says: 'PING of another length than 8 is FRAME_SIZE_ERROR',
    send: [frame(type.ping, 0, 0, '1234')],
    want: frameSize,
  },
  {
    section: '6.7',
    says: 'A PING answer that nobody asked for is ignored',
    known: 'Node ends the connection. Only its client loses by it.',
    send: [frame(type.ping, flag.ack, 0, 'unasked!'), get()],
    want: { served: 1 },
  },
  {
    section: '6.8',
    says: 'GOAWAY on a stream is PROTOCOL_ERROR',
    send: [frame(type.goaway, 0, 1, Buffer.alloc(8))],
    want: protocol,
  },

  {
    section: '6.9',
    says: 'A connection window that grows by 0 is PROTOCOL_ERROR',
    send: [windowUpdate(0, 0)],
    want: protocol,
  },
  {
    section: '6.9',
    says: 'A stream window that grows by 0 is PROTOCOL_ERROR',
    send: [open(), windowUpdate(1, 0)],
    want: { streamError: [code.protocolError] },
  },
  {
    section: '6.9',
    says: 'WINDOW_UPDATE of another length than 4 is FRAME_SIZE_ERROR',
    send: [frame(type.windowUpdate, 0, 0, Buffer.alloc(3))],
    want: frameSize,
  },
  {
    section: '6.9.1',
    says: 'A connection window above 2^31-1 is FLOW_CONTROL_ERROR',
    send: [windowUpdate(0, 0x7fffffff), windowUpdate(0, 0x7fffffff)],
    want: { connectionError: [code.flowControlError] },
  },
  {
    section: '6.9.1',
    says: 'A stream window above 2^31-1 is FLOW_CONTROL_ERROR',
    send: [open(), windowUpdate(1, 0x7fffffff), windowUpdate(1, 0x7fffffff)],
    want: { streamError: [code.flowControlError] },
  },
  {
    section: '6.10',
    says: 'CONTINUATION on stream 0 is PROTOCOL_ERROR',
    send: [
      frame(type.headers, flag.endStream, 1, block.subarray(0, 9)),
      frame(type.continuation, 4, 0, block.subarray(9)),
    ],
    want: protocol,
  },
  {
    section: '6.10',
    says: 'CONTINUATION behind the end of a block is PROTOCOL_ERROR',
    send: [open(), frame(type.continuation, 4, 1, block)],
    want: protocol,
  },
  {
    section: '6.10',
    says: 'A block in many CONTINUATION frames is taken',
    send: [
      frame(type.headers, flag.endStream, 1, ''),
      ...Array.from({ length: 6 }, (_, at) =>
        frame(
          type.continuation,
          at === 5 ? 4 : 0,
          1,
          longBlock.subarray(at * 30, at === 5 ? undefined : at * 30 + 30),
        ),
      ),
    ],
    want: { served: 1 },
  },

  {
    section: '8.1',
    says: 'A second HEADERS that does not end the stream is an error',
    send: [open(), data(1, 'x', false), headers(1, [['x', 'y']], { endStream: false })],
    want: { streamError: [code.protocolError] },
  },
  {
    section: '8.1.1',
    says: 'More bytes than content-length says are an error',
    send: [headers(1, [...postFields, ['content-length', '1']], { endStream: false }), data(1, 'four')],
    want: { streamError: [code.protocolError] },
  },
  {
    section: '8.1.1',
    says: 'Fewer bytes than content-length says are an error',
    send: [headers(1, [...postFields, ['content-length', '9']], { endStream: false }), data(1, 'four')],
    want: { streamError: [code.protocolError] },
  },
  {
    section: '8.2.1',
    says: 'A line end in a value is an error',
    known: 'nghttp2 drops the field: neither a policy nor an upstream sees it.',
    send: [headers(1, [...getFields('/a'), ['x', 'y\r\nz: z']])],
    want: { streamError: [code.protocolError] },
  },
  {
    section: '8.2.1',
    says: 'A capital in a name is an error',
    send: [headers(1, [...getFields('/a'), ['X', 'y']])],
    want: { streamError: [code.protocolError] },
  },
  {
    section: '8.2.2',
    says: 'A field of the connection is an error',
    send: [headers(1, [...getFields('/a'), ['connection', 'close']])],
    want: { streamError: [code.protocolError] },
  },
  {
    section: '8.3',
    says: 'A pseudo-field behind a field is an error',
    send: [headers(1, [...getFields('/a').slice(1), ['x', 'y'], [':method', 'GET']])],
    want: { streamError: [code.protocolError] },
  },
  {
    section: '8.3',
    says: 'A pseudo-field in trailers is an error',
    send: [open(), headers(1, [[':path', '/a']])],
    want: { streamError: [code.protocolError] },
  },
  {
    section: '8.3',
    says: 'A pseudo-field that is unknown is an error',
    send: [headers(1, [...getFields('/a'), [':x', 'y']])],
    want: { streamError: [code.protocolError] },
  },
  {
    section: '8.3.1',
    says: 'A request without :path is an error',
    send: [
      headers(
        1,
        getFields('/a').filter(([name]) => name !== ':path'),
      ),
    ],
    want: { streamError: [code.protocolError] },
  },
  {
    section: '8.3.1',
    says: 'Two of :path are an error',
    send: [headers(1, [...getFields('/a'), [':path', '/b']])],
    want: { streamError: [code.protocolError] },
  },
]
