import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { chooseAlgorithms, readTokenKey } from './token-key.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()
const jwk = (key: KeyObject, more: object = {}): string =>
  JSON.stringify({ ...key.export({ format: 'jwk' }), ...more })
const set = (...keys: string[]): string => `{"keys":[${keys.join(',')}]}`
const rsaAll = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const oct = (bytes: number): string =>
  JSON.stringify({ kty: 'oct', k: Buffer.alloc(bytes, 7).toString('base64url') })

const read: readonly [what: string, text: string, kind: string, fits: string[]][] = [
  ['a secret of 32 bytes', 'x'.repeat(32), 'secret', ['HS256']],
  ['a secret of 48 bytes and a line end', `${'x'.repeat(48)}\n`, 'secret', ['HS256', 'HS384']],
  ['a secret of 64 bytes', 'x'.repeat(64), 'secret', ['HS256', 'HS384', 'HS512']],
  ['a secret counted in bytes, not letters', 'ü'.repeat(16), 'secret', ['HS256']],
  ['an RSA key', pem(rsa.publicKey), 'public', rsaAll],
  ['an RSA key with text before it', `Subject: me\n${pem(rsa.publicKey)}`, 'public', rsaAll],
  [
    'an RSA key of PKCS#1',
    rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    'public',
    rsaAll,
  ],
  ['an EC key', pem(ec.publicKey), 'public', ['ES256']],
  [
    'an EC key on one line, as variables hold it',
    pem(ec.publicKey).replaceAll('\n', '\\n'),
    'public',
    ['ES256'],
  ],
  ['an Ed25519 key', pem(ed.publicKey), 'public', ['EdDSA']],
  ['a JWK', jwk(ec.publicKey), 'public', ['ES256']],
  ['a JWK that names its algorithm', jwk(rsa.publicKey, { alg: 'PS256' }), 'public', ['PS256']],
  ['a JWK with a secret', oct(32), 'secret', ['HS256']],
  ['a JWK Set', set(jwk(ec.publicKey), jwk(rsa.publicKey, { alg: 'RS256' })), 'set', ['ES256', 'RS256']],
  ['a JWK Set with a key of the future', set('{"kty":"NEW"}', jwk(ec.publicKey)), 'set', ['ES256']],
]
for (const [what, text, kind, fits] of read) {
  test(`reads ${what}`, () => {
    const key = readTokenKey(Buffer.from(text), 'f')
    assert.equal(key.kind, kind)
    assert.deepEqual(key.fits, fits)
  })
}

const privatePem = ec.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const shortRsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
const refused: readonly [what: string, content: string | Buffer, message: RegExp][] = [
  ['an empty file', '', /^f: is a key too short: 0 bytes, and HS256 needs 32/],
  ['a short secret', 'x'.repeat(31), /^f: is a key too short: 31 bytes/],
  ['a short secret padded with blanks', `${'x'.repeat(20)}${' '.repeat(30)}`, /is a key too short: 20 bytes/],
  ['a short secret in a JWK', oct(16), /is a key too short: 16 bytes/],
  ['a short RSA key', pem(shortRsa.publicKey), /is a key too short: RSA of 1024 bits/],
  ['a private key', privatePem, /is a private key; to verify tokens takes only the public one/],
  ['a private JWK', jwk(ec.privateKey), /is a private key/],
  ['a set with a private key', set(jwk(ec.privateKey)), /is a private key/],
  ['a set with a secret', set(oct(32)), /JWK Set with a secret in it/],
  ['an empty set', set(), /without a key for signatures/],
  ['a set for encryption', set(jwk(rsa.publicKey, { use: 'enc' })), /without a key for signatures/],
  ['a JWK for encryption', jwk(rsa.publicKey, { use: 'enc' }), /not for signatures/],
  ['a JWK whose algorithm does not fit', jwk(ec.publicKey, { alg: 'HS256' }), /"alg" does not fit it/],
  ['broken JSON', '{"kty":', /begins like a JWK, but is not JSON/],
  ['bytes', Buffer.from([0xff, 0xfe, ...Buffer.alloc(40)]), /neither PEM nor text/],
  ['two public keys', pem(ec.publicKey) + pem(rsa.publicKey), /more than one key/],
  ['a curve for another use', pem(generateKeyPairSync('x25519').publicKey), /no known algorithm \(x25519/],
  // Taken for a secret, each of these would let everybody sign who knows the public key.
  ['an OpenSSH key', `ssh-rsa ${'A'.repeat(300)}`, /public key in a form that is not read here/],
  ['the inside of a PEM', pem(rsa.publicKey).split('\n').slice(1, -2).join('\n'), /public key in a form/],
]
for (const [what, content, message] of refused) {
  test(`refuses ${what}`, () => {
    assert.throws(() => readTokenKey(Buffer.from(content), 'f'), { message })
  })
}

test('algorithms are those asked for, if they fit the key', () => {
  assert.deepEqual(chooseAlgorithms(['RS256', 'PS256'], undefined), ['RS256', 'PS256'])
  assert.deepEqual(chooseAlgorithms(['RS256', 'PS256'], ['PS256']), ['PS256'])
  assert.throws(() => chooseAlgorithms(['RS256'], ['HS256', 'RS256']), {
    message: 'algorithms: HS256 does not fit the key, which is for RS256',
  })
  assert.throws(() => chooseAlgorithms(['RS256'], []), /no token could ever pass/)
})
