import { type DeviceEvent, eventOf, heartbeatDevice, isHeartbeat, type SaidDevice } from './event.ts'
import { boundaryOf, type Part, splitMultipart } from './split-multipart.ts'
import { looksLikeText, readTree, type Tree, Unreadable } from './tree.ts'

/** A file that came along with an event. */
export interface Attachment {
  /** As the device calls it: `Picture`, `licensePlatePicture.jpg`. */
  readonly name: string
  /** By its first bytes; undefined if it is no picture. */
  readonly format: 'jpg' | 'png' | 'bmp' | undefined
  readonly content: Buffer
}

/** One thing that a body told: an event, a heartbeat, or something that nobody understands. */
export type Reading =
  | {
      readonly is: 'event'
      readonly event: DeviceEvent
      readonly attachments: readonly Attachment[]
      readonly cutShort: boolean
    }
  | { readonly is: 'heartbeat'; readonly device: SaidDevice; readonly event: DeviceEvent | undefined }
  | {
      readonly is: 'unknown'
      readonly why: string
      readonly raw: Buffer
      readonly attachments: readonly Attachment[]
    }

/**
 * Reads a body as devices send it: XML, JSON, or multipart of these with pictures, whatever its Content-Type says.
 * Never throws, and leaves nothing out: what it does not understand is a reading as well.
 */
export function readBody(body: Buffer, type: string): Reading[] {
  const boundary = boundaryOf(type, body)
  if (boundary === undefined) return readParts([{ ...noFields, content: body }], body)
  const parts = splitMultipart(body, boundary)
  return readParts(parts, body)
}

// --- internal ---

/** More than any device tells at once. Each costs a row, and a body could hold half a million. */
const mostReadings = 500

const noFields: Omit<Part, 'content'> = { name: '', filename: '', type: '', contentId: '' }

/** Pictures belong to the event before them; those that come first, to the first event. */
function readParts(parts: readonly Part[], body: Buffer): Reading[] {
  const readings: Reading[] = []
  const early: Attachment[] = []
  let attachments = early
  for (const part of parts) {
    if (part.content.length === 0) continue
    if (!looksLikeText(part.content)) {
      attachments.push(attachmentOf(part))
      continue
    }
    for (const reading of readText(part.content)) {
      readings.push(reading)
      if (reading.is !== 'heartbeat') attachments = reading.attachments as Attachment[]
    }
  }
  const [first] = readings
  if (first === undefined) return [{ is: 'unknown', why: whyNothing(body), raw: body, attachments: [] }]
  if (readings.length > mostReadings)
    return [{ is: 'unknown', why: `tells of more than ${mostReadings} events`, raw: body, attachments: [] }]
  if (early.length === 0) return readings
  if (first.is === 'heartbeat')
    return [...readings, { is: 'unknown', why: 'is a heartbeat with a file', raw: body, attachments: early }]
  ;(first.attachments as Attachment[]).unshift(...early)
  return readings
}

function whyNothing(body: Buffer): string {
  return body.length === 0 ? 'is empty' : 'holds neither XML nor JSON'
}

function readText(content: Buffer): Reading[] {
  try {
    const { tree, isXml } = readTree(content)
    const trees: Tree[] = Array.isArray(tree) ? (tree as Tree[]) : [tree]
    if (trees.length === 0) throw new Unreadable('is an empty list')
    const cutShort = isXml && isCut(content)
    const readings = trees.map((each) => readOne(each, content, cutShort))
    // What is kept of one that nobody understands is the whole text, for which once is enough.
    const unread = readings.findIndex(({ is }) => is === 'unknown')
    return readings.filter(({ is }, index) => is !== 'unknown' || index === unread)
  } catch (error) {
    // Whatever a parser stumbles over, the bytes are kept.
    const why = error instanceof Unreadable ? error.message : `cannot be read: ${(error as Error).message}`
    return [{ is: 'unknown', why, raw: content, attachments: [] }]
  }
}

function readOne(tree: Tree, raw: Buffer, cutShort: boolean): Reading {
  const inner = typeof tree === 'string' ? readInner(tree) : tree
  const event = eventOf(inner)
  if (isHeartbeat(event, inner))
    return { is: 'heartbeat', device: event?.device ?? heartbeatDevice(inner), event }
  if (event === undefined) return { is: 'unknown', why: 'names no event', raw, attachments: [] }
  return { is: 'event', event, attachments: [], cutShort }
}

/** JSON within a string of JSON. */
function readInner(text: string): Tree {
  return readTree(Buffer.from(text)).tree
}

/** An XML document ends with the end of its root. */
function isCut(content: Buffer): boolean {
  const text = content.toString('latin1')
  const root = /<([A-Za-z][\w.:-]*)[\s/>]/.exec(text)?.[1]
  return root !== undefined && !text.includes(`</${root}`) && !/^\s*(<\?[^>]*>\s*)?<[^>]*\/>\s*$/.test(text)
}

function attachmentOf({ name, filename, contentId, content }: Part): Attachment {
  const start = pictureStart(content)
  return {
    name: (filename || name || contentId || 'picture').slice(0, 120),
    format: start?.format,
    content: start ? content.subarray(start.at) : content,
  }
}

const signatures = [
  ['jpg', Buffer.from([0xff, 0xd8, 0xff])],
  ['png', Buffer.from([0x89, 0x50, 0x4e, 0x47])],
  ['bmp', Buffer.from('BM')],
] as const

/** By its first bytes, because types and names are often wrong; a line end may stand before them. */
function pictureStart(content: Buffer): { format: 'jpg' | 'png' | 'bmp'; at: number } | undefined {
  let at = 0
  while (at < 8 && (content[at] === 0x0d || content[at] === 0x0a)) at += 1
  for (const [format, signature] of signatures)
    if (content.subarray(at, at + signature.length).equals(signature)) return { format, at }
  return undefined
}
