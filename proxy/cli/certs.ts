import { askAdmin } from './ask-admin.ts'
import type { CommandOutput } from './explain.ts'

export interface CertsArguments {
  readonly file: string
  /** Default: what routes.yaml says. */
  readonly admin?: string
  readonly json: boolean
}

interface Certificates {
  readonly certificates: readonly { cn: string; sans: readonly string[]; serial: string; not_after: string }[]
  readonly automatic: readonly {
    host: string
    state: 'issued' | 'wanted' | 'failing'
    not_after?: string
    next: string
    failures: number
    reason?: string
    mend?: string
  }[]
}

/**
 * `gatehouse certs`: asks the running Gatehouse for its certificates. Exit code 0 if all are good for two weeks and none
 * fails to be got, 1 if not, 2 if nobody could be asked.
 */
export async function runCerts({ file, admin, json }: CertsArguments, io: CommandOutput): Promise<number> {
  let answer: Certificates
  try {
    answer = await askAdmin<Certificates>({ file, admin }, '/v1/certificates')
  } catch (error) {
    io.err(`gatehouse certs: ${(error as Error).message}`)
    return 2
  }
  io.out(json ? JSON.stringify(answer, null, 2) : text(answer))
  const soon = Date.now() + twoWeeks
  const isGood =
    answer.certificates.every(({ not_after }) => Date.parse(not_after) > soon) &&
    answer.automatic.every(({ state }) => state === 'issued')
  return isGood ? 0 : 1
}

// --- internal ---

const day = 24 * 60 * 60_000
const twoWeeks = 14 * day

function text({ certificates, automatic }: Certificates): string {
  const lines = certificates.map(({ cn, sans, not_after }) => {
    const days = Math.floor((Date.parse(not_after) - Date.now()) / day)
    const left = days < 0 ? 'has ended' : days === 0 ? 'ends today' : `${days} days left`
    return `${sans.join(', ') || cn}\n  until ${not_after.slice(0, 10)}, ${left}`
  })
  for (const { host, state, next, failures, reason, mend } of automatic) {
    const when = next.slice(0, 16).replace('T', ' ')
    if (state === 'issued') lines.push(`${host}\n  is renewed by itself, next on ${when} UTC`)
    else if (state === 'wanted') lines.push(`${host}\n  is being ordered`)
    else
      lines.push(
        `${host}\n  could not be got ${failures === 1 ? 'once' : `${failures} times`}: ${reason}\n  → ${mend}\n  again at ${when} UTC`,
      )
  }
  return lines.length === 0 ? 'There are no certificates: no listener speaks TLS.' : lines.join('\n')
}
