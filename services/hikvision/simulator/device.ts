import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { splitMultipart } from '../events/split-multipart.ts'
import { credentialsCheck } from '../intake/credentials.ts'
import { type Login, proofFor } from '../isapi/digest.ts'
import type { Payload, Sender } from './payloads.ts'
import { emptyStore, type PeopleStore, refusal, type StoreAnswer, storeCalls } from './people-store.ts'

export interface DeviceOptions extends Sender {
  readonly model?: string
  readonly login: Login
  readonly host?: string
  /** Default: a free one. */
  readonly port?: number
  readonly algorithm?: 'MD5' | 'SHA-256'
  /** Firmware that has no call that both makes and changes. */
  readonly isOld?: boolean
}

/** What goes wrong with it, to be changed while it runs. */
export interface Faults {
  /** Milliseconds before each answer. */
  slowness: number
  /** Answers instead, while it answers something: a refusal, or nothing and the connection broken. */
  instead: (method: string, path: string) => StoreAnswer | 'break' | undefined
}

/** A device that answers ISAPI as terminals do, and sends events. */
export interface SimulatedDevice extends PeopleStore {
  readonly url: string
  readonly faults: Faults
  /** Method and path of everything that was asked for with the right password. */
  readonly calls: string[]
  /** How often somebody had no right password. */
  readonly refused: number
  /** Sends an event, and answers the status. With a login it answers a challenge, as devices do. */
  send(server: string, payload: Payload, login?: Login): Promise<number>
  stop(): Promise<void>
}

export async function startDevice(options: DeviceOptions): Promise<SimulatedDevice> {
  const { login, host = '127.0.0.1', port = 0, algorithm = 'MD5', isOld = false } = options
  const store = emptyStore()
  const faults: Faults = { slowness: 0, instead: () => undefined }
  const calls: string[] = []
  let refused = 0
  const check = credentialsCheck({
    ...login,
    scheme: 'digest',
    realm: `DS-${options.serial.slice(-8)}`,
    algorithms: [algorithm],
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request)
    const { method = '', url = '/', headers } = request
    const challenges = check(method, url, headers.authorization)
    if (challenges) {
      if (headers.authorization !== undefined) refused += 1
      response.writeHead(401, {
        'WWW-Authenticate': challenges,
        'Content-Type': 'application/xml',
        Connection: 'close',
      })
      response.end('<userCheck><statusValue>401</statusValue><lockStatus>unlock</lockStatus></userCheck>')
      return
    }
    const path = url.split('?', 1)[0] ?? ''
    calls.push(`${method} ${path}`)
    if (faults.slowness > 0) await sleep(faults.slowness)
    const instead = faults.instead(method, path)
    if (instead === 'break') return void request.socket.destroy()
    if (instead === undefined && path === '/ISAPI/System/deviceInfo') return writeInfo(response)
    const { status, json } = instead ?? answerTo(`${method} ${path}`, headers['content-type'] ?? '', body)
    response.writeHead(status, { 'Content-Type': 'application/json', Server: 'webs', Connection: 'close' })
    response.end(JSON.stringify(json))
  }

  function answerTo(call: string, type: string, body: Buffer): StoreAnswer {
    const isMissing = isOld && /\/(SetUp|FDSetUp)$|UserInfoDetail/.test(call)
    const handle = isMissing ? undefined : storeCalls[call]
    if (handle === undefined) return refusal(4, 'notSupport', 403)
    try {
      const boundary = /boundary=([^;]+)/.exec(type)?.[1]
      const parts = boundary === undefined ? [] : splitMultipart(body, boundary).map(({ content }) => content)
      return handle(store, parts.length > 0 || body.length === 0 ? {} : JSON.parse(body.toString()), parts)
    } catch {
      return refusal(5, 'badJsonFormat')
    }
  }

  function writeInfo(response: ServerResponse): void {
    const { name, model = 'DS-K1T000', serial, mac } = options
    response.writeHead(200, {
      'Content-Type': 'application/xml; charset="UTF-8"',
      Server: 'webs',
      Connection: 'close',
    })
    response.end(`<?xml version="1.0" encoding="UTF-8"?>
<DeviceInfo version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">
<deviceName>${name}</deviceName>
<model>${model}</model>
<serialNumber>${serial}</serialNumber>
<macAddress>${mac}</macAddress>
<firmwareVersion>V1.0.0</firmwareVersion>
</DeviceInfo>
`)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    ...store,
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    faults,
    calls,
    get refused() {
      return refused
    },
    send: sendEvent,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

// --- internal ---

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** POSTs an event, again with a proof if it is asked for one. Any certificate will do, as it does for devices. */
async function sendEvent(server: string, payload: Payload, login?: Login): Promise<number> {
  const first = await post(server, payload, undefined)
  if (first.status !== 401 || login === undefined) return first.status
  const { pathname, search } = new URL(server)
  const proof = proofFor(first.challenges, login)
  return (await post(server, payload, proof?.for('POST', pathname + search))).status
}

function post(server: string, { type, body }: Payload, authorization: string | undefined) {
  const url = new URL(server)
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise<{ status: number; challenges: string[] }>((resolve, reject) => {
    const request = send(url, {
      method: 'POST',
      headers: {
        'Content-Type': type,
        'Content-Length': body.length,
        ...(authorization && { Authorization: authorization }),
      },
      rejectUnauthorized: false,
      agent: false,
      signal: AbortSignal.timeout(60_000),
    })
    request.on('error', reject)
    request.on('response', (response) => {
      const challenges = response.headersDistinct['www-authenticate'] ?? []
      response.resume()
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, challenges }))
    })
    request.end(body)
  })
}
