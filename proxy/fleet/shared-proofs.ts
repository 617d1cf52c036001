import type { Proof, Prove } from '../tls/acme/authority.ts'
import type { FleetKey } from './fleet-key.ts'
import type { Redis } from './redis.ts'

/**
 * Proofs that any proxy of the fleet shows: the authority asks whichever the balancer, or the name, leads it to. They are
 * sealed. Otherwise whoever may write to Redis could have us show the proof of an order of its own, and be given a
 * certificate for our names.
 */
export interface SharedProofs {
  /** Makes a way to prove one that the others go as well. */
  wrap(prove: Prove): Prove
  heard(text: string): Promise<void>
  /** Shows what is there to be shown: this proxy has just come, or Redis is back. */
  catchUp(): Promise<void>
}

export interface ProofNews {
  readonly kind: 'proof' | 'proof-ends'
  readonly from: string
  readonly proof: Proof
  /** Unix milliseconds. */
  readonly until: number
}

/** Milliseconds. An authority looks a few seconds later, and again for a minute or so. */
const shownFor = 10 * 60_000
/** How long the others are waited for. One that is about to end must not hold an order up. */
const heardWithin = 3_000
const askEvery = 50

export function shareProofs({
  id,
  prefix,
  redis,
  key,
  others,
}: {
  readonly id: string
  readonly prefix: string
  readonly redis: () => Redis
  readonly key: FleetKey
  others(): number
}): SharedProofs {
  /** How this proxy shows what another has to prove. */
  let show: Prove | undefined
  const shown = new Map<string, () => Promise<void>>()
  const list = `${prefix}acme:proofs`
  const ackOf = (token: string): string => `${prefix}acme:shown:${token}`

  async function tell(kind: ProofNews['kind'], proof: Proof): Promise<void> {
    const news: ProofNews = { kind, from: id, proof, until: Date.now() + shownFor }
    const sealed = key.seal('acme', JSON.stringify(news))
    if (kind === 'proof') {
      await redis().call('HSET', list, proof.token, sealed)
      await redis().call('PEXPIRE', list, shownFor)
    } else await redis().call('HDEL', list, proof.token)
    await redis().publish(`acme ${sealed}`)
  }

  async function waitForOthers(token: string): Promise<void> {
    const end = Date.now() + heardWithin
    while (Date.now() < end) {
      if (Number(await redis().call('SCARD', ackOf(token))) >= others()) return
      await new Promise((resolve) => setTimeout(resolve, askEvery))
    }
  }

  async function hide(token: string): Promise<void> {
    const takeAway = shown.get(token)
    shown.delete(token)
    await takeAway?.()
  }

  async function heard(text: string): Promise<void> {
    const { kind, from, proof, until } = JSON.parse(text) as ProofNews
    if (from === id || show === undefined) return
    await hide(proof.token)
    if (kind === 'proof-ends' || until < Date.now()) return
    shown.set(proof.token, await show(proof))
    setTimeout(() => void hide(proof.token).catch(() => {}), until - Date.now()).unref()
    await redis().call('SADD', ackOf(proof.token), id)
    await redis().call('PEXPIRE', ackOf(proof.token), shownFor)
  }

  async function catchUp(): Promise<void> {
    for (const sealed of (await redis().call('HVALS', list)) as string[]) {
      const text = key.open('acme', sealed)
      if (text !== undefined) await heard(text)
    }
  }

  return {
    wrap(prove) {
      show = prove
      void catchUp().catch(() => {})
      return async (proof) => {
        const takeAway = await prove(proof)
        // A TXT record is seen from everywhere already.
        if (proof.kind === 'dns-01') return takeAway
        // Redis may have gone: then the authority has to reach this one.
        await tell('proof', proof)
          .then(() => waitForOthers(proof.token))
          .catch(() => {})
        return async () => {
          await takeAway()
          await tell('proof-ends', proof).catch(() => {})
        }
      }
    },
    heard,
    catchUp,
  }
}
