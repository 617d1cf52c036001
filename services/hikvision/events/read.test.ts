import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { accessEvent, cameraEvent, heartbeat, plateEvent, withPictures } from '../simulator/payloads.ts'
import type { DeviceEvent } from './event.ts'
import { type Reading, readBody } from './read.ts'

const sender = { mac: '02:00:5e:aa:00:01', serial: 'DS-TEST-1', address: '192.0.2.7', name: 'North door' }
const at = new Date('2026-03-01T10:00:00Z')
const jpeg = Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex')
const card = accessEvent(sender, at, {
  majorEventType: 5,
  subEventType: 1,
  cardNo: '0012',
  employeeNoString: 'E7',
  name: 'Ada',
  serialNo: 9,
})

function eventIn(readings: readonly Reading[]): DeviceEvent {
  assert.equal(readings.length, 1)
  const [reading] = readings
  assert.equal(reading?.is, 'event', JSON.stringify(reading))
  return (reading as Extract<Reading, { is: 'event' }>).event
}

const xml = (inside: string, root = '<EventNotificationAlert>') =>
  Buffer.from(`${root}${inside}</${/<([\w:]+)/.exec(root)?.[1]}>`)

describe('an event is read', () => {
  test('whole: who, where, when and by what', () => {
    const { detail, ...event } = eventIn(readBody(card.body, card.type))
    assert.deepEqual(JSON.parse(JSON.stringify(event)), {
      kind: 'access',
      type: 'AccessControllerEvent',
      title: 'Card accepted',
      state: 'active',
      device: { mac: sender.mac, name: 'North door', address: '192.0.2.7' },
      time: { local: Date.parse('2026-03-01T11:00:00Z'), offset: 60, isSignLost: false },
      timeText: '2026-03-01T11:00:00+01:00',
      channel: 1,
      person: { number: 'E7', name: 'Ada' },
      card: { number: '0012' },
      access: { major: 5, minor: 1, outcome: 'granted' },
      isQuestion: false,
      isReplayed: false,
      posts: 1,
      lasts: false,
      serialNo: 9,
      pictureUrls: [],
    })
    assert.equal((detail.AccessControllerEvent as { mask: string }).mask, 'no')
  })

  const kinds: [type: string, kind: string][] = [
    ['VMD', 'motion'],
    ['vmd', 'motion'],
    ['linedetection', 'line-crossing'],
    ['fielddetection', 'intrusion'],
    ['regionEntrance', 'region-entrance'],
    ['regionExiting', 'region-exiting'],
    ['PIR', 'pir'],
    ['IO', 'alarm-input'],
    ['videoloss', 'video-loss'],
    ['tamperdetection', 'tamper'],
    ['shelteralarm', 'tamper'],
    ['diskfull', 'disk-full'],
    ['diskerror', 'disk-error'],
    ['nicbroken', 'network-broken'],
    ['ipconflict', 'address-conflict'],
    ['illaccess', 'illegal-login'],
    ['facedetection', 'face'],
    ['faceCapture', 'face'],
    ['PeopleCounting', 'people-count'],
    ['scenechangedetection', 'scene-change'],
    ['VideoIntercomEvent', 'intercom'],
    ['somethingNew', 'other'],
    // A name of every object in JavaScript is no known kind.
    ['constructor', 'other'],
  ]
  for (const [type, kind] of kinds)
    test(`of type ${type} as ${kind}`, () => {
      const payload = cameraEvent(sender, at, type)
      const event = eventIn(readBody(payload.body, payload.type))
      assert.deepEqual(
        [event.kind, event.type, event.device.mac, event.channelName],
        [kind, type, sender.mac, 'Yard'],
      )
    })

  test('of a number plate, with its vehicle', () => {
    const payload = plateEvent(sender, at, 'GH 123')
    const { plate, uuid } = eventIn(readBody(payload.body, payload.type))
    assert.deepEqual(plate, { text: 'GH 123', confidence: 97, direction: 'forward' })
    assert.equal(uuid?.length, 36)
  })

  test('of an alarm that only says how long it lasts, as what it relates to', () => {
    const body = xml(
      '<eventType>duration</eventType><DurationList><Duration><relationEvent>linedetection</relationEvent></Duration></DurationList>',
    )
    assert.equal(eventIn(readBody(body, '')).kind, 'line-crossing')
  })

  test('with what was seen, and in which region', () => {
    const body = xml(
      '<eventType>fielddetection</eventType><DetectionRegionList><DetectionRegionEntry><regionID>3</regionID><detectionTarget>human</detectionTarget></DetectionRegionEntry></DetectionRegionList>',
    )
    const { target, region } = eventIn(readBody(body, ''))
    assert.deepEqual([target, region], ['human', '3'])
  })
})

describe('an event is read whatever form it has', () => {
  const json = { eventType: 'IO', eventState: 'active', inputIOPortID: 2, macAddress: sender.mac }
  const text = JSON.stringify(json)
  const inside = '<eventType>IO</eventType><eventState>active</eventState><inputIOPortID>2</inputIOPortID>'
  const forms: [name: string, body: Buffer, type?: string][] = [
    ['JSON that says it is XML', Buffer.from(text), 'application/xml'],
    ['XML that says it is JSON', xml(inside), 'application/json'],
    ['XML that says it is text', xml(inside), 'text/plain'],
    ['JSON in an envelope', Buffer.from(JSON.stringify({ EventNotificationAlert: json }))],
    ['JSON behind a byte order mark and before zeros', Buffer.from(`\uFEFF${text}\0\0\0`)],
    ['JSON in UTF-16', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')])],
    ['a list of one', Buffer.from(`[${text}]`)],
    [
      'XML with a prefix',
      xml(
        '<ns1:eventType>IO</ns1:eventType><ns1:inputIOPortID>2</ns1:inputIOPortID>',
        '<ns1:EventNotificationAlert xmlns:ns1="urn:x">',
      ),
    ],
    [
      'XML of an old namespace',
      xml(inside, '<EventNotificationAlert version="1.0" xmlns="http://www.std-cgi.com/ver10/XMLSchema">'),
    ],
    ['XML with a lone ampersand', xml(`${inside}<channelName>Gate & Yard</channelName>`)],
    ['XML with a byte behind its end', Buffer.concat([xml(inside), Buffer.from('#')])],
    ['XML with CRLF', Buffer.from(xml(inside).toString().replaceAll('><', '>\r\n<'))],
    [
      'bytes that are not UTF-8 in a name',
      Buffer.concat([
        Buffer.from('{"eventType":"IO","inputIOPortID":2,"channelName":"'),
        Buffer.from([0xc4, 0xe3]),
        Buffer.from('"}'),
      ]),
    ],
  ]
  for (const [name, body, type = ''] of forms)
    test(name, () => {
      const event = eventIn(readBody(body, type))
      assert.deepEqual([event.kind, event.input], ['alarm-input', 2])
    })

  test('an access event as JSON within JSON', () => {
    const inner = JSON.stringify({ majorEventType: 5, subEventType: 76 })
    const event = eventIn(readBody(Buffer.from(JSON.stringify({ AccessControllerEvent: inner })), ''))
    assert.equal(event.title, 'Face refused')
    const part = Buffer.from(
      `--b\r\nContent-Disposition: form-data; name=AccessControllerEvent\r\n\r\n${JSON.stringify(inner)}\r\n--b--`,
    )
    assert.equal(eventIn(readBody(part, 'multipart/form-data; boundary=b')).title, 'Face refused')
  })

  test('an access event without an envelope', () => {
    assert.equal(
      eventIn(readBody(Buffer.from('{"majorEventType":5,"subEventType":25}'), '')).title,
      'Door opened',
    )
  })
})

describe('multipart is read', () => {
  const fault = (from: string | RegExp, to: string) => {
    const { body } = withPictures(card, [{ name: 'Picture', jpeg }])
    return Buffer.from(body.toString('latin1').replace(from, to), 'latin1')
  }
  const type = 'multipart/form-data;boundary=MIME_boundary'
  const forms: [name: string, body: Buffer, type?: string][] = [
    ['as it should be', fault('', '')],
    ['with a boundary in quotes', fault('', ''), 'multipart/form-data; boundary="MIME_boundary"'],
    ['with a boundary that nobody named', fault('', ''), 'application/octet-stream'],
    ['with another boundary than it names', fault('', ''), 'multipart/form-data; boundary=other'],
    ['with its first boundary twice', fault('--MIME_boundary\r\n', '--MIME_boundary\r\n--MIME_boundary\r\n')],
    ['without its last boundary', fault('--MIME_boundary--\r\n', '')],
    ['with bare line feeds between parts', fault(/\r\n--MIME_boundary/g, '\n--MIME_boundary')],
    ['with mixed line ends', fault(/--MIME_boundary\r\n/g, '--MIME_boundary\n')],
    ['without the lengths of its parts', fault(/Content-Length: \d+\r\n/g, '')],
    ['with lengths that are wrong', fault(/Content-Length: \d+\r\n/g, 'Content-Length: 3\r\n')],
    ['with names that have no quotes', fault(/name="(\w+)"/g, 'name=$1')],
    [
      'with a file name on its event',
      fault('name="event_log"', 'name="MoveDetection.xml"; filename="MoveDetection.xml"'),
    ],
    [
      'with heads that are repeated in the part',
      fault('\r\n\r\n{', '\r\n\r\nContent-Type: application/json\r\n\r\n{'),
    ],
    ['with a picture that calls itself something else', fault('image/jpeg', 'application/octet-stream')],
    ['with a picture that has the name of the event', fault('name="Picture"', 'name="event_log"')],
    ['with an empty line before it', Buffer.concat([Buffer.from('\r\n'), fault('', '')])],
  ]
  for (const [name, body, as = type] of forms)
    test(name, () => {
      const readings = readBody(body, as)
      assert.equal(eventIn(readings).title, 'Card accepted')
      const { attachments } = readings[0] as Extract<Reading, { is: 'event' }>
      assert.deepEqual(
        attachments.map(({ format }) => format),
        ['jpg'],
      )
      assert.ok(attachments[0]?.content.equals(jpeg), attachments[0]?.content.toString('latin1'))
    })

  test('with a picture that holds the boundary', () => {
    const tricky = Buffer.concat([jpeg, Buffer.from('\r\n--MIME_boundary\r\n'), jpeg])
    const { body } = withPictures(card, [{ name: 'Picture', jpeg: tricky }])
    const [reading] = readBody(body, type)
    assert.ok((reading as Extract<Reading, { is: 'event' }>).attachments[0]?.content.equals(tricky))
  })

  test('with its pictures first, and with several events', () => {
    const part = (content: Buffer) =>
      Buffer.concat([Buffer.from('--b\r\n\r\n'), content, Buffer.from('\r\n')])
    const other = cameraEvent(sender, at, 'VMD')
    const readings = readBody(
      Buffer.concat([jpeg, card.body, other.body, jpeg].map(part)),
      'multipart/mixed; boundary=b',
    )
    assert.deepEqual(
      readings.map((reading) => reading.is === 'event' && [reading.event.kind, reading.attachments.length]),
      [
        ['access', 1],
        ['motion', 1],
      ],
    )
  })
})

describe('a heartbeat is no event', () => {
  const bodies: [name: string, body: Buffer, isHeartbeat: boolean][] = [
    ['video loss that is over', heartbeat(sender, at).body, true],
    ['video loss itself', cameraEvent(sender, at, 'videoloss').body, false],
    ['another alarm that is over', Buffer.from('{"eventType":"VMD","eventState":"inactive"}'), false],
    ['heartBeat', Buffer.from('{"eventType":"heartBeat","eventState":"active"}'), true],
    ['heart beat', Buffer.from('{"eventType":"heart beat"}'), true],
    [
      'an access event of nothing',
      accessEvent(sender, at, { majorEventType: 5, subEventType: 0 }).body,
      true,
    ],
    [
      'an access event of nothing by somebody',
      accessEvent(sender, at, { majorEventType: 5, subEventType: 0, employeeNoString: '7' }).body,
      false,
    ],
    [
      'addresses alone',
      Buffer.from(`{"ipAddress":"192.0.2.1","portNo":80,"macAddress":"${sender.mac}"}`),
      true,
    ],
  ]
  for (const [name, body, isHeartbeat] of bodies)
    test(name, () => assert.equal(readBody(body, '')[0]?.is, isHeartbeat ? 'heartbeat' : 'event'))
})

describe('what nobody understands is kept whole, and says why', () => {
  const lots =
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><EventNotificationAlert><eventType>&b;</eventType></EventNotificationAlert>'
  const bodies: [body: string, why: RegExp][] = [
    ['', /empty/],
    ['hello', /neither XML nor JSON/],
    [lots, /document type/],
    ['{"eventType":', /not JSON/],
    ['{"a":1}', /names no event/],
    ['<a/>', /names no event/],
    ['null', /neither/],
    [`${'<a>'.repeat(200)}${'</a>'.repeat(200)}`, /not XML/],
    [`${'['.repeat(50_000)}${']'.repeat(50_000)}`, /deeper/],
    [`{"eventType":"VMD","a":${'{"a":'.repeat(60)}1${'}'.repeat(60)}}`, /deeper/],
    [`{"eventType":"VMD","a":[${'1,'.repeat(50_000)}1]}`, /more than/],
    [`{"eventType":"VMD","a":"${'x'.repeat(300_000)}"}`, /longer/],
  ]
  for (const [body, why] of bodies)
    test(`${body.slice(0, 40)}… ${why}`, () => {
      const [reading, ...more] = readBody(Buffer.from(body), 'application/xml')
      assert.equal(reading?.is, 'unknown')
      assert.deepEqual(more, [])
      assert.match((reading as Extract<Reading, { is: 'unknown' }>).why, why)
      assert.equal((reading as Extract<Reading, { is: 'unknown' }>).raw.toString(), body)
    })

  test('XML that was cut short is an event that says so', () => {
    const { body } = cameraEvent(sender, at, 'VMD')
    const [reading] = readBody(body.subarray(0, body.length - 60), '')
    assert.deepEqual(reading?.is === 'event' && [reading.event.kind, reading.cutShort], ['motion', true])
  })
})

describe('whatever is sent', () => {
  const payloads = [
    card,
    cameraEvent(sender, at, 'fielddetection'),
    plateEvent(sender, at, 'X'),
    withPictures(card, [{ name: 'Picture', jpeg }]),
    withPictures(
      cameraEvent(sender, at, 'VMD'),
      [
        { name: 'a', jpeg },
        { name: 'b', jpeg },
      ],
      { boundary: 'boundary' },
    ),
  ]
  const pieces = [
    '--MIME_boundary',
    '\r\n',
    '\n',
    '&',
    '&#0;',
    '&x;',
    '<',
    '</',
    '>',
    '{',
    '}',
    '"',
    '\0',
    '\uFEFF',
    '<![CDATA[',
    '<!--',
    '<!DOCTYPE a [',
    ']]>',
    '\\u0000',
    '\\ud800',
    '__proto__',
    'Content-Length: -1',
    'Content-Length: 99999999999',
    'xmlns:a="b"',
  ]
  const spoiled = fc
    .record({
      payload: fc.constantFrom(...payloads),
      edits: fc.array(
        fc.record({
          where: fc.double({ min: 0, max: 1, noNaN: true }),
          cut: fc.nat(40),
          put: fc.oneof(
            fc.constantFrom(...pieces).map((text) => Buffer.from(text)),
            fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
          ),
          times: fc.constantFrom(1, 1, 1, 2, 300),
        }),
        { maxLength: 6 },
      ),
      end: fc.double({ min: 0, max: 1, noNaN: true }),
      isCut: fc.boolean(),
      type: fc.constantFrom(
        undefined,
        '',
        'multipart/form-data',
        'multipart/x; boundary=',
        'multipart/form-data; boundary=-',
        'application/json; charset="UTF-8"',
      ),
    })
    .map(({ payload, edits, end, isCut, type }) => {
      let body = payload.body
      for (const { where, cut, put, times } of edits) {
        const at = Math.floor(where * body.length)
        body = Buffer.concat([
          body.subarray(0, at),
          ...Array<Buffer>(times).fill(put),
          body.subarray(at + cut),
        ])
      }
      return {
        body: isCut ? body.subarray(0, Math.floor(end * body.length)) : body,
        type: type ?? payload.type,
      }
    })

  test('it is read in a moment, as something, without a crash', () => {
    fc.assert(
      fc.property(spoiled, ({ body, type }) => {
        const began = performance.now()
        const readings = readBody(body, type)
        assert.ok(readings.length > 0)
        assert.ok(performance.now() - began < 8_000)
        // What goes to the database has neither NUL nor half a character in it.
        assert.doesNotMatch(
          JSON.stringify(readings.map((each) => each.is === 'event' && each.event.detail)),
          /\\u0000|\\ud[89a-f]/i,
        )
      }),
      { numRuns: 2_000 },
    )
  })

  const endless: [name: string, body: string][] = [
    ['a million <', '<'.repeat(200_000)],
    ['comments that never end', '<!--'.repeat(60_000)],
    ['attributes that never end', `<a ${'x="'.repeat(80_000)}`],
    ['ampersands', `<a>${'&'.repeat(250_000)}</a>`],
    ['boundaries', '--b\r\n'.repeat(200_000)],
    ['heads', `--b\r\n${'a: b\r\n'.repeat(100_000)}`],
    ['spaces', ' '.repeat(3_000_000)],
    ['zeros', '\0'.repeat(3_000_000)],
    ['blanks with something behind them', `{${' '.repeat(3_000_000)}x`],
    ['an element of blanks', `<a>${' '.repeat(250_000)}</a>`],
    ['boundaries within a line, behind blanks', `${' '.repeat(1_000_000)}--b\r\n${'x--b'.repeat(500_000)}`],
    ['parts of nothing', '--b\r\n\r\n'.repeat(500_000)],
    ['dashes', '-'.repeat(1_000_000)],
    ['a name that never ends', `<${'a'.repeat(250_000)}>`],
    ['many elements', `<a>${'<b/>'.repeat(60_000)}</a>`],
    ['quotes in a disposition', `--b\r\nContent-Disposition: form-data; ${'name="'.repeat(2_000)}\r\n\r\nx`],
  ]
  for (const [name, body] of endless)
    test(`${name} does not hold it up`, () => {
      const began = performance.now()
      readBody(Buffer.from(body), 'multipart/form-data; boundary=b')
      readBody(Buffer.from(body), '')
      assert.ok(performance.now() - began < 8_000, `${performance.now() - began} ms`)
    })

  test('a list of what nobody understands is kept once, and not once for each entry', () => {
    const readings = readBody(Buffer.from(`[${'1,'.repeat(9_000)}1]`), 'application/json')
    assert.deepEqual(
      readings.map(({ is }) => is),
      ['unknown'],
    )
  })

  test('more events than a device can tell of are kept as they came', () => {
    const list = (length: number) => `[${Array.from({ length }, () => '{"eventType":"VMD"}').join()}]`
    assert.equal(readBody(Buffer.from(list(100)), '').length, 100)
    const body = Buffer.from(list(5_000))
    const [only, ...others] = readBody(body, '')
    assert.deepEqual([only?.is, others.length], ['unknown', 0])
    assert.ok(only?.is === 'unknown' && only.raw.equals(body))
  })
})
