import { once } from 'node:events'
import { fstat, ReadStream, type Stats } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { sep } from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import send from '@fastify/send'
import { GatehouseError } from '../../errors.ts'
import type { HeaderFields } from '../facts.ts'
import { prefersHtml } from './error-page.ts'
import { type Conditions, conditionsOf, isRangeMisread } from './file-conditions.ts'
import { localLocation } from './redirect.ts'

export interface FileRequest {
  /** Absolute folder. It may be a symlink, such as `current`, that is turned while we serve. */
  root: string
  /** Canonical path below the matched prefix, still percent-encoded. An empty one is `/`. */
  path: string
  /** Canonical path and query as the client sees them: the redirect of a folder is built from these. */
  externalPath: string
  query: string
  method: string
  headers: HeaderFields
  /** File that stands for a folder. */
  index: string
  /** Answer navigations to paths that are no file with the index of the root. */
  spa: boolean
}

export interface FileAnswer {
  status: number
  /** Names are lower case. */
  headers: Record<string, string>
  /**
   * An open file: whoever takes it destroys it when the client leaves. It fails, rather than ends, when the
   * file turns out shorter than promised. Without one there is no body.
   */
  stream?: Readable
}

/** A code of the catalogue, for what is not served. */
export type FileRefusal = 'file_not_found' | 'method_not_allowed'

/**
 * Opens a file below the root, honouring conditions and a single range. Throws a GatehouseError when the
 * folder or a file is there and cannot be read.
 *
 * Never served: dot files, folder listings, whatever is neither file nor folder (opening a FIFO would hold a
 * thread for ever), and anything outside the root, by `..` or by symlink. The path is decoded once, by the
 * library; it arrives here still encoded.
 *
 * A symlink could be turned between our look at it and the opening. So the file is looked at first (stat,
 * then realpath), and what was then opened has to be the same file (device and inode), or all begins again.
 * To get past that, somebody who may write into the folder has to turn the link there and back between
 * system calls; and could as well have linked or copied the file in. The same comparison keeps the length and the
 * ETag of an old file from the bytes of a new one that was just renamed over it.
 */
export async function openFile(request: FileRequest): Promise<FileAnswer | FileRefusal> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return 'method_not_allowed'
  const root = await realpath(request.root).catch((error: Error) => {
    throw new GatehouseError('internal', `the folder ${request.root} cannot be served: ${error.message}`)
  })
  const path = request.path === '' ? '/' : request.path
  if (path === '/' && !request.externalPath.endsWith('/')) return toFolder(request)
  const answer = await lookUp(root, path, request)
  if (answer !== 'file_not_found' || !request.spa || !isNavigation(request, path)) return answer
  const shell = await lookUp(root, `/${encodeURIComponent(request.index)}`, request)
  if (typeof shell === 'string') return shell
  // A shell kept too long would ask for scripts that the next release no longer has.
  return { ...shell, headers: { ...shell.headers, 'cache-control': 'no-cache', vary: 'accept' } }
}

// --- Internal ---

/** How often a file may change between our look at it and the opening before we give up. */
const attempts = 4

const statOf = promisify(fstat)

async function lookUp(root: string, path: string, request: FileRequest): Promise<FileAnswer | FileRefusal> {
  const conditions = conditionsOf(request.method, request.headers)
  for (let attempt = 0; attempt < attempts; attempt++) {
    const found = await sendOnce(root, path, request, conditions)
    if (found === 'file_not_found') return found
    if (found === 'changed') continue
    const { result, seen } = found
    if (isRangeMisread(conditions, result)) {
      result.stream.destroy()
      delete conditions.range
      continue
    }
    if (result.type === 'directory') return toFolder(request)
    if (result.type === 'error') return answerOfError(result)
    const answer = answerOf(result)
    if (request.method === 'HEAD' || result.statusCode === 304) return answer
    const stream = await openedStream(result, seen)
    if (stream) return { ...answer, stream }
  }
  return 'file_not_found'
}

async function sendOnce(root: string, path: string, request: FileRequest, conditions: Conditions) {
  let seen: Stats | undefined
  const options: send.SendOptions = {
    root,
    index: [request.index],
    dotfiles: 'ignore',
    cacheControl: false,
    async onFile(file, stat) {
      seen = stat
      if (!stat.isFile() || !isServed(await realpath(file), root)) throw notServed
    },
  }
  try {
    // The library reads `method` and `headers` of a request, and nothing else.
    const asked = { method: request.method, headers: conditions } as unknown as Readable
    return { result: await send(asked, path, options), seen }
  } catch (error) {
    if (error === notServed) return 'file_not_found'
    // Removed since the library looked at it.
    if (isGone(error)) return 'changed'
    throw unreadable(error)
  }
}

const notServed = new Error('outside the root, or no file')

/** The real path: a link that leads to a dot file makes it no less of one. */
function isServed(file: string, root: string): boolean {
  const folder = root.endsWith(sep) ? root : root + sep
  return file.startsWith(folder) && !file.slice(folder.length - 1).includes(`${sep}.`)
}

/** The stream of a result once its file is open, if that is still the file that was looked at. */
async function openedStream(
  result: send.FileSendResult,
  seen: Stats | undefined,
): Promise<ReadStream | undefined> {
  const { stream } = result
  if (!(stream instanceof ReadStream)) throw new GatehouseError('internal', 'the library opened no file')
  try {
    const [descriptor] = (await once(stream, 'open')) as [number]
    const opened = await statOf(descriptor)
    if (opened.dev === seen?.dev && opened.ino === seen.ino) {
      failIfShort(stream, Number(result.headers['Content-Length']))
      return stream
    }
  } catch (error) {
    if (!isGone(error)) throw unreadable(error)
  }
  stream.destroy()
  return undefined
}

/**
 * A file that is cut while it is sent would end the response before its Content-Length, and the client would
 * take the next response on the connection for the rest of the body. A stream that fails is cut off instead.
 */
function failIfShort(stream: ReadStream, length: number): void {
  const push = stream.push
  stream.push = (chunk, encoding) => {
    if (chunk !== null || stream.bytesRead >= length) return push.call(stream, chunk, encoding)
    stream.destroy(new Error(`${stream.path} ended after ${stream.bytesRead} of ${length} bytes`))
    return false
  }
}

// --- answers ---

function answerOf(result: send.SendResult): FileAnswer {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(result.headers)) headers[name.toLowerCase()] = String(value)
  // Without a type a browser guesses, and may guess HTML.
  if (result.statusCode !== 304) headers['content-type'] ??= 'application/octet-stream'
  return { status: result.statusCode, headers }
}

function answerOfError({ statusCode, headers, metadata }: send.ErrorSendResult): FileAnswer | FileRefusal {
  if (statusCode === 500) throw unreadable(metadata.error)
  if (statusCode !== 412 && statusCode !== 416) return 'file_not_found'
  const range = headers['Content-Range']
  return { status: statusCode, headers: { 'content-length': '0', ...(range && { 'content-range': range }) } }
}

function toFolder({ externalPath, query }: FileRequest): FileAnswer {
  return {
    status: 308,
    headers: { location: localLocation(`${externalPath}/`, query), 'content-length': '0' },
  }
}

function isNavigation({ headers }: FileRequest, path: string): boolean {
  return !path.slice(path.lastIndexOf('/')).includes('.') && prefersHtml(headers.get('accept'))
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function unreadable(cause: unknown): GatehouseError {
  return new GatehouseError('internal', `a file cannot be read: ${String(cause)}`, { cause })
}
