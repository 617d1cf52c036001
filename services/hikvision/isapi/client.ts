import type { Branch } from '../events/tree.ts'
import { answerOf, BadCredentials } from './answer.ts'
import type { Carry, DeviceResponse } from './carrier.ts'
import { isStale, type Login, type Proof, proofFor } from './digest.ts'

export interface IsapiSettings {
  readonly base: string
  readonly login: Login
  readonly carry: Carry
  /** Milliseconds for an answer. Pictures of faces have three times as long: a device looks at them first. */
  readonly timeout: number
}

export interface IsapiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below `/ISAPI/`, with its query. */
  readonly path: string
  /** Sent as JSON. */
  readonly json?: unknown
  readonly xml?: string
  readonly body?: { readonly type: string; readonly content: Buffer }
  readonly patience?: number
}

/**
 * One device's ISAPI. Calls go one after the other, because the web server in a device takes few at once. Rejects with
 * DeviceAway, DeviceRefusal or BadCredentials; after the latter it asks nothing more, or the device locks the account.
 */
export interface Isapi {
  call(call: IsapiCall): Promise<Branch>
}

const nothing = Buffer.alloc(0)

export function isapiClient({ base, login, carry, timeout }: IsapiSettings): Isapi {
  let proof: Proof | undefined
  /** What is known has been accepted before, so if it is refused its nonce may only have grown old. */
  let isAccepted = false
  let refused: BadCredentials | undefined
  let last: Promise<unknown> = Promise.resolve()

  function send(method: IsapiCall['method'], path: string, type: string, body: Buffer, patience: number) {
    const headers: Record<string, string> = { Accept: '*/*' }
    if (body.length > 0) headers['Content-Type'] = type
    if (proof) headers.Authorization = proof.for(method, path)
    return carry({ base, method, path, headers, body, timeout: patience })
  }

  /** Takes up what the device asks for. Throws if it was asked for before and is not content. */
  function takeUp(response: DeviceResponse): void {
    const again = proof !== undefined && !isStale(response.challenges)
    proof = proofFor(response.challenges, login)
    if (!again && proof !== undefined) return
    refused = new BadCredentials(sentenceFor(response, proof === undefined))
    throw refused
  }

  async function call(asked: IsapiCall): Promise<Branch> {
    if (refused) throw refused
    const { method, path: below, patience = timeout } = asked
    const path = `/ISAPI/${below}`
    const { type, content } = bodyOf(asked)
    // A body need not travel twice only to learn what the device asks for.
    if (proof === undefined && content.length > 0) {
      const probe = await send('GET', '/ISAPI/System/deviceInfo', '', nothing, timeout)
      if (probe.status === 401) takeUp(probe)
    }
    let response = await send(method, path, type, content, patience)
    if (response.status === 401) {
      // Not every device says that a nonce has become old.
      if (isAccepted && !isStale(response.challenges)) proof = undefined
      takeUp(response)
      response = await send(method, path, type, content, patience)
      if (response.status === 401) takeUp(response)
    }
    isAccepted = true
    return answerOf(response)
  }

  return {
    call(asked) {
      const answer = last.then(() => call(asked))
      last = answer.catch(() => {})
      return answer
    },
  }
}

// --- internal ---

function bodyOf({ json, xml, body }: IsapiCall): { type: string; content: Buffer } {
  if (json !== undefined) return { type: 'application/json', content: Buffer.from(JSON.stringify(json)) }
  if (xml !== undefined) return { type: 'application/xml; charset="UTF-8"', content: Buffer.from(xml) }
  return body ?? { type: '', content: nothing }
}

/** A device that has locked the account says for how long. */
function sentenceFor({ body }: DeviceResponse, isUnknown: boolean): string {
  if (isUnknown) return 'the device asks for a way to sign in that is not known here'
  const text = body.toString('utf8', 0, 4096)
  const locked = /<lockStatus>\s*lock(?:ed)?\s*</i.test(text) || /"lockStatus"\s*:\s*"lock/i.test(text)
  const seconds = /unlockTime\W{1,5}(\d{1,6})/.exec(text)?.[1]
  if (locked) return `the device has locked this account${seconds ? ` for ${seconds} s` : ''}`
  return 'the device does not accept this name and password'
}
