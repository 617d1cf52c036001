import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { EnvironmentError } from '../shared/environment.ts'

/** A size as people write it, `512MB` or `2GB`, as bytes. */
const size = z
  .string()
  .regex(/^\d+(\.\d+)?(MB|GB)$/, 'is not a size such as 512MB or 2GB')
  .transform((text) => Math.round(Number.parseFloat(text) * (text.endsWith('GB') ? 1024 ** 3 : 1024 ** 2)))

const credentials = z
  .strictObject({
    user: z.string().min(1),
    /** The variable by which the container is told its password. */
    variable: z.string().regex(/^[A-Z_][A-Z0-9_]*$/, 'is not the name of a variable'),
  })
  .describe(
    'HTTP Basic. The password is made for each container; the proxy sends it, and its user never sees it.',
  )

const kind = z.strictObject({
  type: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9-]{0,30}$/,
      'is not a name of small letters, digits and -, which an address can hold',
    ),
  title: z.string().min(1),
  description: z.string().default(''),
  image: z.string().min(1),
  /** `missing`: from its registry, if the Docker host lacks it. */
  pull: z.enum(['missing', 'never']).default('missing'),
  /** The one port that matters. */
  port: z.int().min(1).max(65535),
  scheme: z.enum(['http', 'https']).default('http'),
  /** What a browser opens, below the address of the desktop. `{path}` is that address without its first slash. */
  page: z.string().default(''),
  /** Answers 2xx once the desktop can be used. */
  health: z.string().startsWith('/').default('/'),
  credentials: credentials.optional(),
  environment: z.record(z.string(), z.string()).default({}),
  memory: size.prefault('2GB'),
  cpus: z.number().positive().default(1),
  shm: size.prefault('512MB'),
  processes: z.int().positive().default(512),
  /** Folders that outlive the container. */
  volumes: z.array(z.string().startsWith('/')).default([]),
})

const host = z
  .strictObject({
    socket: z.string().optional(),
    /** `https://10.0.0.7:2376`. Never plain http: whoever reaches that is root there. */
    url: z.url({ protocol: /^https$/, error: 'is not of the form https://10.0.0.7:2376' }).optional(),
    /** PEM files, from the folder of the catalogue. */
    ca: z.string().optional(),
    cert: z.string().optional(),
    key: z.string().optional(),
    /** Where its desktops listen: an address of its own that the proxy reaches and nobody else should. */
    address: z.ipv4().default('127.0.0.1'),
  })
  .refine((value) => (value.socket === undefined) !== (value.url === undefined), 'needs either socket or url')
  .refine(
    (value) => value.url === undefined || (value.ca && value.cert && value.key),
    'needs ca, cert and key beside url',
  )

const catalogue = z.strictObject({
  hosts: z.record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,30}$/, 'is not a name'), host).optional(),
  desktops: z
    .array(kind)
    .min(1, 'names no desktop')
    .refine((all) => new Set(all.map(({ type }) => type)).size === all.length, 'has one type twice')
    .refine(
      (all) => !all.some(({ type }) => all.some((other) => type.endsWith(`-${other.type}`))),
      'has a type that ends in another, as my-ubuntu in ubuntu: alice’s my-ubuntu and alice-my’s ubuntu would have one address, and one’s files',
    ),
})

/** Sizes in bytes. */
export type Kind = z.infer<typeof kind>
export type HostPlace = z.infer<typeof host>

export interface Catalogue {
  readonly kinds: ReadonlyMap<string, Kind>
  readonly hosts: ReadonlyMap<string, HostPlace>
  /** Relative files of it start here. */
  readonly folder: string
}

/** Reads the kinds of desktops. Throws an EnvironmentError that names every mistake. */
export async function readCatalogue(file: string, socket: string): Promise<Catalogue> {
  const fault = (sentence: string) => new EnvironmentError([`CATALOGUE: ${file}: ${sentence}`])
  let content: unknown
  try {
    content = parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw fault((error as Error).message)
  }
  const read = catalogue.safeParse(content)
  if (!read.success)
    throw new EnvironmentError(
      read.error.issues.map(({ path, message }) => `CATALOGUE: ${file}: ${path.join('.')} ${message}`),
    )
  const { desktops, hosts = { local: { socket, address: '127.0.0.1' } } } = read.data
  return {
    kinds: new Map(desktops.map((each) => [each.type, each])),
    hosts: new Map(Object.entries(hosts)),
    folder: dirname(resolve(file)),
  }
}
