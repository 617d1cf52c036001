import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { extensionOf, formats, type PictureType } from '../uploads/formats.ts'

/** Where the pictures of a restoration lie. Every name is made from its id; nothing of what a client sent is in a path. */
export interface PictureFiles {
  /** Where uploads grow. */
  readonly incoming: string
  upload(id: string, type: PictureType): string
  thumbnail(id: string): string
  processed(id: string, type: PictureType): string
  /** A path that nobody has, on the same disk as the one that it will be renamed to. */
  draftOf(path: string): string
  /** Removes all pictures of a restoration. What is not there is no error. */
  remove(id: string): Promise<void>
  /** Bytes that are free where uploads lie. */
  freeSpace(): Promise<number>
  /** Drafts, and pictures of ids that `isKnown` does not know, that nobody has touched for so many milliseconds: removes them. */
  removeStrays(untouched: number, known: (ids: string[]) => Promise<ReadonlySet<string>>): Promise<number>
}

export async function openPictureFiles(uploads: string, results: string): Promise<PictureFiles> {
  const [incoming, drafts] = [join(uploads, 'incoming'), join(results, 'incoming')]
  await Promise.all([incoming, drafts].map((folder) => mkdir(folder, { recursive: true, mode: 0o750 })))
  const inFolder = (folder: string, id: string, end: string) => join(folder, `${id}${end}`)

  const upload = (id: string, type: PictureType) => inFolder(uploads, id, extensionOf(type))
  const thumbnail = (id: string) => inFolder(uploads, id, '.thumb.webp')
  const processed = (id: string, type: PictureType) => inFolder(results, id, extensionOf(type))

  return {
    incoming,
    upload,
    thumbnail,
    processed,
    draftOf: (path) => join(dirname(path), 'incoming', `${randomUUID()}.part`),
    async remove(id) {
      const types = Object.keys(formats) as PictureType[]
      const paths = [thumbnail(id), ...types.flatMap((type) => [upload(id, type), processed(id, type)])]
      await Promise.all(paths.map((path) => rm(path, { force: true })))
    },
    async freeSpace() {
      const { bavail, bsize } = await statfs(uploads)
      return bavail * bsize
    },
    async removeStrays(untouched, known) {
      let removed = 0
      for (const folder of [incoming, drafts]) {
        for (const path of await oldFiles(folder, untouched)) {
          await rm(path, { force: true })
          removed++
        }
      }
      for (const folder of [uploads, results]) {
        const paths = await oldFiles(folder, untouched)
        const ids = await known([...new Set(paths.map(idOf))])
        for (const path of paths.filter((each) => !ids.has(idOf(each)))) {
          await rm(path, { force: true })
          removed++
        }
      }
      return removed
    },
  }
}

/** Puts a draft that is whole into its place. */
export async function settle(draft: string, path: string): Promise<void> {
  await rename(draft, path)
}

// --- internal ---

async function oldFiles(folder: string, untouched: number): Promise<string[]> {
  const old: string[] = []
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(folder, entry.name)
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs >= untouched) old.push(path)
  }
  return old
}

function idOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).split('.', 1)[0] as string
}
