import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { RawHeaderFields } from '../facts.ts'
import { type FileAnswer, type FileRequest, openFile } from './files.ts'

const browser = 'text/html,application/xhtml+xml,*/*;q=0.8'

describe('a file', () => {
  test('is served whole, with its type, length, date and ETag', async (t) => {
    const answer = await open(t, '/notes.txt')
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(answer.headers['content-length'], '10')
    assert.equal(answer.headers['accept-ranges'], 'bytes')
    assert.match(answer.headers.etag ?? '', /^W\/".+"$/)
    assert.ok(Date.parse(answer.headers['last-modified'] ?? '') > 0)
    assert.equal(answer.headers['cache-control'], undefined, 'that is for the cache policy to say')
    assert.equal(await text(answer.stream as Readable), '0123456789')
  })

  const types: [path: string, type: string][] = [
    ['/', 'text/html; charset=utf-8'],
    ['/app.js', 'application/javascript; charset=utf-8'],
    ['/look.css', 'text/css; charset=utf-8'],
    ['/data.json', 'application/json; charset=utf-8'],
    ['/logo.svg', 'image/svg+xml'],
    ['/app.wasm', 'application/wasm'],
    ['/what.zzz', 'application/octet-stream'],
  ]
  for (const [path, type] of types) {
    test(`${path} is ${type}`, async (t) => {
      assert.equal((await open(t, path)).headers['content-type'], type)
    })
  }

  test('is named by a path that is decoded exactly once', async (t) => {
    const decoded: [path: string, content: string | 'file_not_found'][] = [
      ['/two%20words.txt', 'two words'],
      ['/%C3%A9t%C3%A9.txt', 'summer'],
      ['/100%25.txt', 'percent'],
      ['/%2520.txt', 'the name is %20.txt'],
      ['/a%3Fb%23c.txt', 'marks'],
      ['/two%2520words.txt', 'file_not_found'],
      ['/%6Eotes.txt', '0123456789'],
    ]
    for (const [path, content] of decoded) {
      const answer = await ask(t, { path })
      assert.equal(typeof answer === 'string' ? answer : await text(answer.stream as Readable), content, path)
    }
  })

  test('that is empty is an empty 200', async (t) => {
    const answer = await open(t, '/empty.txt')
    assert.equal(answer.headers['content-length'], '0')
    assert.equal(await text(answer.stream as Readable), '')
  })

  test('answers HEAD with the head alone', async (t) => {
    const answer = await open(t, '/notes.txt', { method: 'HEAD', headers: fields('range', 'bytes=0-1') })
    assert.equal(answer.status, 200, 'a range is a matter of GET (RFC 9110 §14.2)')
    assert.equal(answer.headers['content-length'], '10')
    assert.equal(answer.stream, undefined)
  })

  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'get', 'TRACE']) {
    test(`refuses ${method}`, async (t) => {
      assert.equal(await ask(t, { path: '/notes.txt', method }), 'method_not_allowed')
    })
  }
})

describe('a condition', () => {
  test('that the client already has it is 304 without a body', async (t) => {
    const site = folder(t)
    const { headers, stream } = await open(t, '/notes.txt', { root: site })
    stream?.destroy()
    const conditions = [
      ['if-none-match', headers.etag],
      ['if-none-match', `"other", ${headers.etag}`],
      ['if-none-match', '*'],
      ['if-modified-since', headers['last-modified']],
    ] as [string, string][]
    for (const [name, value] of conditions) {
      const answer = await open(t, '/notes.txt', { root: site, headers: fields(name, value) })
      assert.equal(answer.status, 304, `${name}: ${value}`)
      assert.equal(answer.stream, undefined)
      assert.equal(answer.headers['content-length'], undefined)
      assert.equal(answer.headers.etag, headers.etag)
    }
    const stale = await open(t, '/notes.txt', { root: site, headers: fields('if-none-match', '"other"') })
    assert.equal(stale.status, 200)
  })

  test('that fails is 412 without a body', async (t) => {
    for (const [name, value] of [
      ['if-match', '"other"'],
      ['if-unmodified-since', 'Thu, 01 Jan 1970 00:00:00 GMT'],
    ] as const) {
      const answer = await open(t, '/notes.txt', { headers: fields(name, value) })
      assert.deepEqual(answer, { status: 412, headers: { 'content-length': '0' } })
    }
  })
})

describe('a range', () => {
  const rows: [range: string, status: number, body: string, contentRange?: string][] = [
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['bytes=-99', 200, '0123456789'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=0-0,2-3', 200, '0123456789'],
    [`bytes=${'0-,'.repeat(500)}0-`, 200, '0123456789'],
    ['bytes=5-2', 200, '0123456789'],
    ['bytes=x', 200, '0123456789'],
    ['lines=1-2', 200, '0123456789'],
    ['bytes=-', 200, '0123456789'],
  ]
  for (const [range, status, body, contentRange] of rows) {
    test(`${range.slice(0, 20)} is ${status}`, async (t) => {
      const answer = await open(t, '/notes.txt', { headers: fields('range', range) })
      assert.equal(answer.status, status)
      assert.equal(answer.headers['content-range'], contentRange)
      assert.equal(answer.headers['content-length'], String(body.length))
      assert.equal(answer.stream ? await text(answer.stream) : '', body)
    })
  }

  test('holds only while the file is the one that the client knows', async (t) => {
    const site = folder(t)
    const whole = await open(t, '/notes.txt', { root: site })
    whole.stream?.destroy()
    const rows: [ifRange: string, status: number][] = [
      [whole.headers['last-modified'] ?? '', 206],
      ['Thu, 01 Jan 2099 00:00:00 GMT', 200],
      [whole.headers.etag ?? '', 200],
      ['"other"', 200],
    ]
    for (const [ifRange, status] of rows) {
      const headers = fields('range', 'bytes=0-1', 'if-range', ifRange)
      const answer = await open(t, '/notes.txt', { root: site, headers })
      answer.stream?.destroy()
      assert.equal(answer.status, status, ifRange)
    }
  })
})

describe('a folder', () => {
  test('with a slash is its index, and never a listing', async (t) => {
    assert.equal(await text((await open(t, '/docs/')).stream as Readable), 'docs')
    assert.equal(await ask(t, { path: '/bare/' }), 'file_not_found')
  })

  const rows: [path: string, externalPath: string, query: string, location: string][] = [
    ['/docs', '/docs', '', '/docs/'],
    ['/docs', '/close/docs', '?a=b', '/close/docs/?a=b'],
    ['', '/close', '', '/close/'],
    ['/', '/close', '?x', '/close/?x'],
    ['/docs', '//evil.example/docs', '', '/evil.example/docs/'],
  ]
  for (const [path, externalPath, query, location] of rows) {
    test(`${externalPath}${query} redirects to ${location}`, async (t) => {
      const answer = await ask(t, { path, externalPath, query })
      assert.deepEqual(answer, { status: 308, headers: { location, 'content-length': '0' } })
    })
  }
})

describe('what is not to be had', () => {
  const rows: [path: string, why: string][] = [
    ['/missing.txt', 'is not there'],
    ['/notes.txt/', 'is no folder'],
    ['/notes.txt/x', 'is no folder'],
    ['/.env', 'is a dot file'],
    ['/.git/config', 'lies in a dot folder'],
    ['/docs/.htaccess', 'is a dot file further down'],
    ['/to-hidden', 'is a link to a dot file'],
    ['/../secret.txt', 'climbs'],
    ['/docs/../../secret.txt', 'climbs later'],
    ['/%2e%2e/secret.txt', 'climbs, encoded'],
    ['/..%2fsecret.txt', 'climbs, with an encoded slash'],
    ['/docs%2f..%2f..%2fsecret.txt', 'climbs, all encoded'],
    ['/%252e%252e/secret.txt', 'climbs, encoded twice'],
    ['/..\\secret.txt', 'climbs, with a backslash'],
    ['/notes.txt%00.html', 'holds a null byte'],
    ['/%', 'is malformed'],
    ['/%ff.txt', 'is no UTF-8'],
    ['/escape.txt', 'is a link out of the folder'],
    ['/escape/secret.txt', 'lies behind a link out of the folder'],
    ['/sibling.txt', 'is a link to a folder whose name begins alike'],
    ['/loose', 'is a link to nothing'],
    [`/${'x'.repeat(400)}`, 'has too long a name'],
  ]
  for (const [path, why] of rows) {
    test(`${path.slice(0, 40)}, which ${why}`, async (t) => {
      assert.equal(await ask(t, { path }), 'file_not_found')
      assert.equal(await ask(t, { path, method: 'HEAD' }), 'file_not_found')
    })
  }

  test('a FIFO, whose opening would hold a thread for ever', async (t) => {
    const root = folder(t)
    execFileSync('/usr/bin/mkfifo', [join(root, 'pipe')])
    assert.equal(await ask(t, { root, path: '/pipe' }), 'file_not_found')
  })

  test('a folder that is not there is ours to mend, and says so in the log', async (t) => {
    await assert.rejects(ask(t, { root: '/nowhere/at/all', path: '/' }), {
      code: 'internal',
      message: /nowhere\/at\/all/,
    })
  })
})

describe('a link', () => {
  test('within the folder is followed', async (t) => {
    assert.equal(await text((await open(t, '/again.txt')).stream as Readable), '0123456789')
  })

  test('may be the folder itself, and may be turned while we serve', async (t) => {
    const [one, two] = [folder(t), folder(t)]
    writeFileSync(join(two, 'notes.txt'), 'second')
    const current = `${one}-current`
    t.after(() => rmSync(current, { force: true }))
    symlinkSync(one, current)
    assert.equal(
      await text((await open(t, '/notes.txt', { root: current })).stream as Readable),
      '0123456789',
    )
    symlinkSync(two, `${current}.new`)
    renameSync(`${current}.new`, current)
    assert.equal(await text((await open(t, '/notes.txt', { root: current })).stream as Readable), 'second')
  })

  test('that is turned back and forth all the while never shows what is outside', async (t) => {
    const root = folder(t)
    const link = join(root, 'door.txt')
    const turn = (target: string) => {
      symlinkSync(target, `${link}.new`)
      renameSync(`${link}.new`, link)
    }
    turn('notes.txt')
    let served = 0
    for (let round = 0; round < 150; round++) {
      const asked = ask(t, { root, path: '/door.txt' })
      for (let step = 0; step < round % 12; step++) await nextTurn()
      turn(round % 2 ? 'notes.txt' : join(root, '..', 'secret.txt'))
      const answer = await asked
      if (typeof answer === 'string') continue
      served++
      assert.equal(await text(answer.stream as Readable), '0123456789')
    }
    assert.ok(served > 0)
  })
})

describe('a file that changes under our hands', () => {
  test('by a rename is either the old one or the new one, whole', async (t) => {
    const root = folder(t)
    const file = join(root, 'page.txt')
    const versions = ['a'.repeat(10), 'b'.repeat(2000)]
    const put = (round: number) => {
      writeFileSync(`${file}.new`, versions[round % 2] as string)
      renameSync(`${file}.new`, file)
    }
    put(0)
    for (let round = 1; round < 150; round++) {
      const asked = open(t, '/page.txt', { root })
      for (let step = 0; step < round % 12; step++) await nextTurn()
      put(round)
      const answer = await asked
      const body = await text(answer.stream as Readable)
      assert.ok(versions.includes(body))
      assert.equal(answer.headers['content-length'], String(body.length))
    }
  })

  test('by being cut short fails the stream, so that the response is not ended early', async (t) => {
    const root = folder(t)
    writeFileSync(join(root, 'big.bin'), Buffer.alloc(1_000_000))
    const answer = await open(t, '/big.bin', { root })
    truncateSync(join(root, 'big.bin'), 300_000)
    await assert.rejects(buffer(answer.stream as Readable), /ended after 300000 of 1000000 bytes/)
  })
})

describe('a single-page application', () => {
  const rows: [path: string, accept: string | undefined, body: string][] = [
    ['/photos/42', browser, 'home'],
    ['/bare/', browser, 'home'],
    ['/docs/', browser, 'docs'],
    ['/notes.txt', browser, '0123456789'],
    ['/assets/gone.js', browser, 'file_not_found'],
    ['/photos/42', '*/*', 'file_not_found'],
    ['/photos/42', undefined, 'file_not_found'],
    ['/photos/42', 'application/json', 'file_not_found'],
    ['/.git/config', browser, 'home'],
  ]
  for (const [path, accept, body] of rows) {
    test(`${path} for ${accept ?? 'no Accept'} is ${body}`, async (t) => {
      const headers = accept === undefined ? fields() : fields('accept', accept)
      const answer = await ask(t, { path, spa: true, headers })
      assert.equal(typeof answer === 'string' ? answer : await text(answer.stream as Readable), body)
    })
  }

  test('has its shell asked for again each time', async (t) => {
    const answer = await open(t, '/photos/42', { spa: true, headers: fields('accept', browser) })
    answer.stream?.destroy()
    assert.equal(answer.headers['cache-control'], 'no-cache')
    assert.equal(answer.headers.vary, 'accept')
  })
})

test('a client that leaves leaves no file open', async (t) => {
  const root = folder(t)
  writeFileSync(join(root, 'big.bin'), Buffer.alloc(1_000_000))
  const openFiles = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(root)
      } catch {
        return false
      }
    }).length
  const answers = await Promise.all(Array.from({ length: 20 }, () => open(t, '/big.bin', { root })))
  assert.equal(openFiles(), 20)
  for (const { stream } of answers) {
    stream?.once('data', () => stream.destroy())
  }
  const heads = Array.from({ length: 20 }, () => open(t, '/big.bin', { root, method: 'HEAD' }))
  await Promise.all(heads)
  const deadline = Date.now() + 2000
  while (openFiles() > 0 && Date.now() < deadline) await nextTurn()
  assert.equal(openFiles(), 0)
})

// --- Internal ---

/** A site, and things beside it that it must not serve. */
function folder(t: TestContext): string {
  const base = mkdtempSync(join(tmpdir(), 'gatehouse-files-'))
  t.after(() => rmSync(base, { recursive: true, force: true }))
  const root = join(base, 'site')
  for (const name of ['docs', 'bare', '.git', '../site-other'])
    mkdirSync(join(root, name), { recursive: true })
  const files: Record<string, string> = {
    'index.html': 'home',
    'notes.txt': '0123456789',
    'app.js': '',
    'look.css': '',
    'data.json': '{}',
    'logo.svg': '<svg/>',
    'app.wasm': '',
    'what.zzz': '',
    'empty.txt': '',
    'two words.txt': 'two words',
    'été.txt': 'summer',
    '100%.txt': 'percent',
    '%20.txt': 'the name is %20.txt',
    'a?b#c.txt': 'marks',
    'docs/index.html': 'docs',
    'docs/.htaccess': 'hidden',
    '.env': 'hidden',
    '.git/config': 'hidden',
    '../secret.txt': 'secret',
    '../site-other/secret.txt': 'secret',
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, name), content)
  symlinkSync('notes.txt', join(root, 'again.txt'))
  symlinkSync('.env', join(root, 'to-hidden'))
  symlinkSync('../secret.txt', join(root, 'escape.txt'))
  symlinkSync('..', join(root, 'escape'))
  symlinkSync('../site-other/secret.txt', join(root, 'sibling.txt'))
  symlinkSync('nothing', join(root, 'loose'))
  return root
}

function ask(t: TestContext, request: Partial<FileRequest> & { path: string }) {
  return openFile({
    root: request.root ?? folder(t),
    externalPath: request.path || '/',
    query: '',
    method: 'GET',
    headers: fields(),
    index: 'index.html',
    spa: false,
    ...request,
  })
}

async function open(t: TestContext, path: string, request: Partial<FileRequest> = {}): Promise<FileAnswer> {
  const answer = await ask(t, { path, ...request })
  if (typeof answer === 'string') throw new Error(`${path}: ${answer}`)
  t.after(() => answer.stream?.destroy())
  return answer
}

function fields(...raw: string[]): RawHeaderFields {
  return new RawHeaderFields(raw)
}
