import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '../../harness/eventually.ts'
import { freePort } from '../../harness/free-port.ts'
import { type Child, startChild } from '../machine/child.ts'
import { bothCores, proxyCore } from '../machine/cores.ts'
import { ask } from './ask.ts'
import { certificate } from './certificate.ts'
import type { Contender, Place, Setup } from './contender.ts'

/** A contender that serves. */
export interface Running {
  readonly pid: number
  /** Port of plain HTTP/1.1 on 127.0.0.1. */
  readonly port: number
  /** Port of TLS on 127.0.0.1. */
  readonly tlsPort: number
  readonly place: Place
  /** Milliseconds from the start of the command to the first answer. */
  readonly startTime: number
  reload(): Promise<void>
  /** Throws if it has ended by itself. */
  assertAlive(): void
  stop(): Promise<void>
}

/** Starts one in a folder of its own, alone on its core, and waits until it serves. */
export async function startContender(contender: Contender, setup: Setup, folder: string): Promise<Running> {
  const place = await makePlace(folder)
  const cores = (setup.workers ?? 1) > 1 ? bothCores : proxyCore
  const command = contender.launch(setup, place)
  const begin = performance.now()
  const child = startChild(command, cores)
  try {
    if (contender.name !== 'direct') await eventually(() => child.ended() || answers(place, setup), patience)
    if (child.ended()) throw new Error('it has ended by itself')
  } catch (error) {
    await child.stop()
    throw new Error(`${contender.title} does not serve: ${(error as Error).message}\n${child.output()}`)
  }
  return describe(contender, setup, { child, place, startTime: performance.now() - begin })
}

/** A folder with a certificate, and ports. */
async function makePlace(folder: string): Promise<Place> {
  await mkdir(folder, { recursive: true })
  const { cert, key } = await certificate()
  await writeFile(join(folder, 'cert.pem'), cert)
  await writeFile(join(folder, 'key.pem'), key)
  return { folder, port: await freePort(), tlsPort: await freePort(), adminPort: await freePort() }
}

function describe(
  contender: Contender,
  setup: Setup,
  { child, place, startTime }: { child: Child; place: Place; startTime: number },
): Running {
  return {
    pid: child.pid,
    // Who asks directly has no proxy in between.
    port: contender.name === 'direct' ? setup.upstream : place.port,
    tlsPort: place.tlsPort,
    place,
    startTime,
    async reload() {
      await contender.reload?.(place, child.pid)
    },
    assertAlive() {
      if (child.ended()) throw new Error(`${contender.title} has ended by itself: ${child.output()}`)
    },
    stop: child.stop,
  }
}

/** It serves once it answers at all, even with a refusal: what it answers is checked by those who count it. */
async function answers({ port, tlsPort }: Place, { tls }: Setup): Promise<boolean> {
  await ask({ port })
  if (tls) await ask({ port: tlsPort, secure: true })
  return true
}

const patience = { timeout: 30_000, every: 5 }
