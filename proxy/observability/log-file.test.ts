import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { eventually } from '../../test/harness/eventually.ts'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { type LogFile, openLogFile } from './log-file.ts'

const limits = { batch: 64 * 1024, waiting: 1024 * 1024, delay: 5, retry: 20, close: 500 }

interface Watched {
  file: LogFile
  path: string
  failures: NodeJS.ErrnoException[]
  dropped: number
}

async function openFile(t: TestContext, given: { path?: string; limits?: Partial<typeof limits> } = {}) {
  const path = given.path ?? join(await tempFolder(t), 'logs', 'access.log')
  const watched: Watched = { path, failures: [], dropped: 0, file: undefined as unknown as LogFile }
  const events = {
    onFailure: (error: NodeJS.ErrnoException) => void watched.failures.push(error),
    onDropped: (lines: number) => {
      watched.dropped += lines
    },
  }
  watched.file = openLogFile(path, events, { ...limits, ...given.limits })
  t.after(() => watched.file.close())
  return watched
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join('')

function writeNumbered(file: LogFile, from: number, to: number): void {
  for (let i = from; i < to; i++) file.write(`line ${i}\n`)
}

suite('lines arrive in order', () => {
  test('in a folder that did not exist, readable by the owner and the group', async (t) => {
    const { file, path } = await openFile(t)
    writeNumbered(file, 0, 3)
    await eventually(() => readFileSync(path, 'utf8') === numbered(0, 3))
    assert.equal(statSync(path).mode & 0o007, 0)
  })

  test('when many come while others are being written', async (t) => {
    const { file, path } = await openFile(t, { limits: { batch: 100 } })
    for (let i = 0; i < 2000; i += 10) {
      writeNumbered(file, i, i + 10)
      if (i % 100 === 0) await new Promise(setImmediate)
    }
    await file.close()
    assert.equal(readFileSync(path, 'utf8'), numbered(0, 2000))
  })

  test('and closing writes what waits', async (t) => {
    const { file, path } = await openFile(t, { limits: { delay: 60_000 } })
    writeNumbered(file, 0, 3)
    await file.close()
    assert.equal(readFileSync(path, 'utf8'), numbered(0, 3))
  })

  test('after what was there before', async (t) => {
    const path = join(await tempFolder(t), 'access.log')
    writeFileSync(path, 'before\n')
    const { file } = await openFile(t, { path })
    writeNumbered(file, 0, 1)
    await file.close()
    assert.equal(readFileSync(path, 'utf8'), `before\n${numbered(0, 1)}`)
  })

  test('when the process ends without closing, even before the file was opened', async (t) => {
    const path = join(await tempFolder(t), 'logs', 'access.log')
    await run(`
      const file = openLogFile(${JSON.stringify(path)}, events)
      process.on('exit', () => file.flushNow())
      for (let i = 0; i < 3; i++) file.write('line ' + i + '\\n')
      process.exit()`)
    assert.equal(readFileSync(path, 'utf8'), numbered(0, 3))
  })

  test('and a line after the end is counted as dropped', async (t) => {
    const watched = await openFile(t)
    await watched.file.close()
    watched.file.write('late\n')
    assert.equal(watched.dropped, 1)
    assert.equal(existsSync(watched.path), false)
  })
})

suite('rotation', () => {
  test('a renamed file is let go without a signal, and no line is lost', async (t) => {
    const { file, path } = await openFile(t)
    writeNumbered(file, 0, 3)
    await eventually(() => existsSync(path) && readFileSync(path, 'utf8') === numbered(0, 3))
    renameSync(path, `${path}.1`)
    let written = 3
    await eventually(() => {
      writeNumbered(file, written, ++written)
      return existsSync(path)
    })
    await file.close()
    assert.equal(readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8'), numbered(0, written))
  })

  test('a removed folder is made again', async (t) => {
    const { file, path } = await openFile(t)
    writeNumbered(file, 0, 1)
    await eventually(() => existsSync(path))
    rmSync(join(path, '..'), { recursive: true })
    file.reopen()
    file.write('line 1\n')
    await eventually(() => existsSync(path) && readFileSync(path, 'utf8') === 'line 1\n')
  })

  test('on demand it needs no second to pass', async (t) => {
    const { file, path } = await openFile(t)
    writeNumbered(file, 0, 1)
    await eventually(() => existsSync(path) && statSync(path).size > 0)
    renameSync(path, `${path}.1`)
    file.reopen()
    writeNumbered(file, 1, 2)
    await file.close()
    assert.equal(readFileSync(path, 'utf8'), numbered(1, 2))
  })
})

suite('a disk that takes nothing', () => {
  test('is reported, throws nowhere, and costs the lines, which are counted', async (t) => {
    const watched = await openFile(t, { path: '/dev/full' })
    writeNumbered(watched.file, 0, 5)
    await eventually(() => watched.failures.length >= 2)
    assert.equal(watched.failures[0]?.code, 'ENOSPC')
    assert.equal(watched.dropped, 0, 'it is tried again first')
    await watched.file.close()
    assert.equal(watched.dropped, 5)
  })

  test('does not let lines wait without end', async (t) => {
    const watched = await openFile(t, { path: '/dev/full', limits: { waiting: 100 } })
    for (let i = 0; i < 50; i++) watched.file.write('0123456789\n')
    await eventually(() => watched.failures.length > 0)
    for (let i = 0; i < 50; i++) watched.file.write('0123456789\n')
    assert.equal(watched.dropped, 91)
  })

  test('and is well again gets what waited, in order', async (t) => {
    const folder = await tempFolder(t)
    const path = join(folder, 'access.log')
    // A folder in its place: it cannot be opened, whoever asks.
    mkdirSync(path)
    const watched = await openFile(t, { path })
    writeNumbered(watched.file, 0, 3)
    await eventually(() => watched.failures[0]?.code === 'EISDIR')
    writeNumbered(watched.file, 3, 5)
    rmSync(path, { recursive: true })
    await eventually(() => existsSync(path) && readFileSync(path, 'utf8') === numbered(0, 5))
    assert.equal(watched.dropped, 0)
  })

  test('and fills up within a line gets that line again as a whole', async (t) => {
    const path = join(await tempFolder(t), 'access.log')
    // A limit on the size of files does what a full disk does: the write that reaches it is cut. In 512 bytes.
    const script = `
      const file = openLogFile(${JSON.stringify(path)}, {
        onDropped() {},
        onFailure() {
          // Room is made, but for the end of the torn line.
          const text = readFileSync(path, 'utf8')
          if (text.length < 500) return
          tornText = text.slice(text.lastIndexOf('\\n') + 1)
          writeFileSync(path, tornText)
        },
      }, ${JSON.stringify(limits)})
      const path = ${JSON.stringify(path)}
      let tornText
      const line = (i) => 'line ' + String(i).padStart(20, '0') + '\\n'
      for (let i = 0; i < 30; i++) file.write(line(i))
      await file.close()
      console.log(JSON.stringify(tornText))`
    const { stdout } = await run(script, ['sh', '-c', 'trap "" XFSZ; ulimit -f 1; exec "$0" "$@"'])
    const torn = JSON.parse(stdout)
    assert.match(torn, /^li/)
    const [first, ...others] = readFileSync(path, 'utf8').split('\n')
    assert.equal(first, torn)
    assert.equal(others.pop(), '')
    for (const line of others) assert.match(line, /^line \d{20}$/)
    assert.ok(others[0]?.startsWith(torn), 'the line that was torn comes again first')
    assert.equal(others.at(-1), `line ${'29'.padStart(20, '0')}`)
  })
})

suite('several processes', () => {
  const writer = (name: string, path: string) => `
    const file = openLogFile(${JSON.stringify(path)}, events, ${JSON.stringify({ ...limits, batch: 2000, delay: 1 })})
    for (let i = 0; i < 300; i++) {
      for (let j = 0; j < 5; j++) file.write('${name} ' + (i * 5 + j) + ' ' + 'x'.repeat(300) + '\\n')
      await new Promise(setImmediate)
    }
    await file.close()`

  function assertWhole(text: string): void {
    const next: Record<string, number> = { a: 0, b: 0 }
    for (const line of text.trimEnd().split('\n')) {
      const found = /^([ab]) (\d+) x{300}$/.exec(line)
      assert.ok(found, `a line is mixed: ${line.slice(0, 80)}`)
      const [, name = '', number] = found
      assert.equal(Number(number), next[name])
      next[name] = Number(number) + 1
    }
    assert.deepEqual(next, { a: 1500, b: 1500 })
  }

  test('share a file and leave each line whole, each in its order', async (t) => {
    const path = join(await tempFolder(t), 'access.log')
    await Promise.all([run(writer('a', path)), run(writer('b', path))])
    assertWhole(readFileSync(path, 'utf8'))
  })

  test('share a pipe in the same way', async (t) => {
    const folder = await tempFolder(t)
    const [a, b] = [join(folder, 'a.mjs'), join(folder, 'b.mjs')]
    writeFileSync(a, prelude + writer('a', 'stdout'))
    writeFileSync(b, prelude + writer('b', 'stdout'))
    const both = spawn('sh', ['-c', '"$0" "$1" & "$0" "$2"; wait', process.execPath, a, b], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    both.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    await once(both, 'close')
    assertWhole(text)
  })
})

const prelude = `
  import { readFileSync, writeFileSync } from 'node:fs'
  import { openLogFile } from ${JSON.stringify(new URL('./log-file.ts', import.meta.url).href)}
  const events = { onFailure(error) { throw error }, onDropped() { throw new Error('dropped') } }
`

/** Runs a script in a process of its own. */
async function run(script: string, [program, ...args]: string[] = []): Promise<{ stdout: string }> {
  const node = [process.execPath, '--input-type=module', '-e', prelude + script]
  const [command = '', ...rest] = program === undefined ? node : [program, ...args, ...node]
  return promisify(execFile)(command, rest)
}
