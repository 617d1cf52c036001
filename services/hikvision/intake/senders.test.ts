import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { proofFor } from '../isapi/digest.ts'
import { glanceAt } from './glance.ts'
import { type SenderRules, sendersBy } from './senders.ts'

const login = { user: 'door', password: 'a-password' }

function statusOf(rules: SenderRules, from: string, target: string, authorization?: string): number {
  return sendersBy(rules).refuse({ from, method: 'POST', target, authorization })?.status ?? 200
}

describe('who may send', () => {
  const secret = 'S3cret-path-segment'
  const rows: [name: string, rules: SenderRules, from: string, target: string, status: number][] = [
    ['everybody, if nothing is set', {}, '203.0.113.9', '/any', 200],
    ['an address that is listed', { addresses: ['192.0.2.0/24'] }, '192.0.2.7', '/', 200],
    ['one that is not', { addresses: ['192.0.2.0/24'] }, '192.0.3.7', '/', 403],
    ['one of IPv6', { addresses: ['2001:db8::/32'] }, '2001:db8::1', '/', 200],
    ['nobody by a name that is no address', { addresses: ['192.0.2.0/24'] }, 'unknown', '/', 403],
    ['a path that is listed', { paths: ['/hikvision/events'] }, '192.0.2.7', '/hikvision/events/7?x', 200],
    ['one that only begins alike', { paths: ['/hikvision/events'] }, '192.0.2.7', '/hikvision/eventsX', 404],
    ['whoever knows the secret', { pathSecret: secret }, '192.0.2.7', `/hikvision/${secret}/events`, 200],
    ['nobody who does not', { pathSecret: secret }, '192.0.2.7', '/hikvision/events', 404],
    ['nobody with a part of it', { pathSecret: secret }, '192.0.2.7', `/${secret.slice(0, -1)}`, 404],
    ['nobody with the secret in the query', { pathSecret: secret }, '192.0.2.7', `/?${secret}`, 404],
  ]
  for (const [name, rules, from, target, status] of rows)
    test(name, () => assert.equal(statusOf(rules, from, target), status))

  test('the secret is in no log', () => {
    assert.equal(sendersBy({ pathSecret: secret }).publicPath(`/a/${secret}/b`), '/a/[secret]/b')
  })

  test('a device by its serial number or MAC address, as it is printed', () => {
    const senders = sendersBy({ serials: ['DS-K1T 000123', '02:00:5E:00:00:01'] })
    const refused = (body: string) => senders.refuseDevice('192.0.2.1', glanceAt(Buffer.from(body)))?.status
    assert.equal(refused('<macAddress>02:00:5e:00:00:01</macAddress>'), undefined)
    assert.equal(refused('<serialNumber xmlns="urn:x">DS-K1T000123</serialNumber>'), undefined)
    assert.equal(refused('{"macAddress":\t"02:00:5e:00:00:02"}'), 403)
    assert.equal(refused('nothing'), 403)
  })

  test('a device as often as it may, and another one meanwhile', () => {
    const senders = sendersBy({ rate: 2 })
    const one = { mac: '02:00:5e:00:00:01', serial: undefined }
    const statuses = Array.from({ length: 25 }, () => senders.refuseDevice('192.0.2.1', one)?.status ?? 200)
    assert.deepEqual([statuses.slice(0, 20).every((status) => status === 200), statuses.at(-1)], [true, 429])
    assert.equal(senders.refuseDevice('192.0.2.1', { ...one, mac: '02:00:5e:00:00:02' }), undefined)
  })
})

describe('a password of devices', () => {
  const basic = (user: string, password: string) =>
    `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

  test('is asked for, and taken by basic or digest, MD5 or SHA-256', () => {
    const senders = sendersBy({ credentials: { ...login, scheme: 'either' } })
    const ask = (authorization?: string) =>
      senders.refuse({ from: '192.0.2.1', method: 'POST', target: '/a?b', authorization })
    const challenges = [ask()?.headers['WWW-Authenticate']].flat() as string[]
    assert.equal(challenges.length, 3)
    assert.equal(ask(basic('door', 'a-password')), undefined)
    assert.equal(ask(basic('door', 'another'))?.status, 401)
    for (const algorithm of ['MD5', 'SHA-256']) {
      const fields = challenges.filter((field) => field.includes(`algorithm=${algorithm},`))
      assert.equal(ask(proofFor(fields, login)?.for('POST', '/a?b')), undefined)
      assert.equal(ask(proofFor(fields, { ...login, password: 'x' })?.for('POST', '/a?b'))?.status, 401)
    }
  })

  test('cannot be used again by somebody who overheard its proof', () => {
    const senders = sendersBy({ credentials: { ...login, scheme: 'digest' } })
    const ask = (target: string, authorization?: string, method = 'POST') =>
      senders.refuse({ from: '192.0.2.1', method, target, authorization })
    const fields = [ask('/a')?.headers['WWW-Authenticate']].flat() as string[]
    const proof = proofFor(fields, login)
    const first = proof?.for('POST', '/a')
    assert.equal(ask('/b', first)?.status, 401, 'for another path')
    assert.equal(ask('/a', first, 'PUT')?.status, 401, 'by another method')
    assert.equal(ask('/a', first), undefined)
    assert.equal(ask('/a', first)?.status, 401, 'a second time')
    assert.equal(ask('/a', proof?.for('POST', '/a')), undefined, 'the next count')
    assert.equal(ask('/a', basic('door', 'a-password'))?.status, 401, 'by basic, which is not offered')
  })

  test('is not proved with a nonce of somebody else', () => {
    const senders = sendersBy({ credentials: { ...login, scheme: 'digest' } })
    const forged = ['Digest realm="Gatehouse", qop="auth", algorithm=MD5, nonce="mine.mine.mine"']
    const authorization = proofFor(forged, login)?.for('POST', '/')
    assert.equal(
      senders.refuse({ from: '192.0.2.1', method: 'POST', target: '/', authorization })?.status,
      401,
    )
    // Without qop there is no count, and so no protection against a second use.
    const old = `Digest username="door", realm="Gatehouse", nonce="x", uri="/", response="${createHash('md5').update('x').digest('hex')}"`
    assert.equal(
      senders.refuse({ from: '192.0.2.1', method: 'POST', target: '/', authorization: old })?.status,
      401,
    )
  })
})
