import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { shellWord } from './shell-word.ts'

// Whatever a client puts into an address, the shell hands it on as it is, and does nothing else.
for (const word of [
  'https://localhost/a?x=1',
  'http://localhost/?a=1&b=2',
  'http://localhost/$(echo$IFS$9done)',
  'http://localhost/`id`;id|id',
  "http://localhost/it's",
  'http://localhost/\\"',
  "http://loc\u009b31mal'host/\u202e",
  '',
])
  test(`a shell reads ${JSON.stringify(word)} as one word`, () => {
    const read = execFileSync('bash', ['-c', `printf %s ${shellWord(word)}`], {
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    })
    assert.equal(read.toString(), word)
    assert.match(shellWord(word), /^[\x20-\x7e]+$/)
  })
