import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readTrouble, type Trouble } from './trouble.ts'

const answer = (statusCode: number, message: string) =>
  Object.assign(new Error(`(HTTP code ${statusCode}) unexpected - ${message}`), {
    statusCode,
    json: { message },
  })
const away = (code: string) => Object.assign(new Error(`connect ${code} /run/docker.sock`), { code })

const rows: [what: string, error: unknown, kind: Trouble['kind'], sentence: RegExp][] = [
  ['no socket', away('ENOENT'), 'away', /does not answer \(ENOENT\)/],
  ['nobody behind it', away('ECONNREFUSED'), 'away', /tried again/],
  ['not allowed to', away('EACCES'), 'away', /EACCES/],
  ['cut off', Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }), 'away', /ECONNRESET/],
  [
    'no image',
    answer(404, 'No such image: kasmweb/vs-code:1.18.0'),
    'image missing',
    /no image kasmweb\/vs-code:1\.18\.0 and cannot get it/,
  ],
  [
    'no such tag',
    answer(404, 'manifest for x/y:1 not found: manifest unknown'),
    'image missing',
    /docker pull/,
  ],
  [
    'a port that is taken',
    answer(
      500,
      'driver failed programming external connectivity: Bind for 127.0.0.1:7001 failed: port is already allocated',
    ),
    'port taken',
    /the next one is tried/,
  ],
  [
    'a port that another program holds',
    answer(500, 'Error starting userland proxy: listen tcp4 127.0.0.1:7001: bind: address already in use'),
    'port taken',
    /Another program/,
  ],
  [
    'a name that is taken',
    answer(409, 'Conflict. The container name "/desktop-a" is already in use by container "c2ad".'),
    'name taken',
    /gets another/,
  ],
  [
    'a full disk',
    answer(500, 'mkdir /var/lib/docker/overlay2/x: no space left on device'),
    'disk full',
    /The disk of the Docker host is full/,
  ],
  ['a container that went', answer(404, 'No such container: c2ad'), 'gone', /not there any more/],
  ['anything else', answer(500, 'oci runtime error'), 'other', /^Docker says: oci runtime error$/],
  ['nothing at all', undefined, 'other', /Docker says/],
]
for (const [what, error, kind, sentence] of rows)
  test(`${what} is told as: ${kind}`, () => {
    const trouble = readTrouble(error, 'kasmweb/vs-code:1.18.0')
    assert.equal(trouble.kind, kind)
    assert.match(trouble.sentence, sentence)
  })
