import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startRecorder } from '../differential/recorder.ts'
import { pathOf } from '../harness/parts.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import type { Grade, Judged, Part, Row } from './row.ts'
import { runTool } from './run-tool.ts'

/**
 * Versions, suites, forward secrecy, order, what a server gives away, and known weaknesses, one by one. What testssl.sh
 * says of the certificate is left out: it is the operator's, and here one of a day.
 */
export const testssl: Part = {
  title: 'TLS weaknesses (testssl.sh)',
  needs: ['testssl'],
  async run(t, { start }) {
    const sides = await start(t, (await startRecorder(t)).port)
    const found = new Map<string, Map<string, Finding>>()
    for (const side of sides) {
      const file = join(await tempFolder(t), 'found.json')
      const checks = [
        '--protocols',
        '--std',
        '--fs',
        '--server-preference',
        '--server-defaults',
        '--vulnerable',
      ]
      const quiet = ['--quiet', '--color', '0', '--warnings', 'off', '--nodns', 'min']
      const args = [...quiet, ...checks, '--jsonfile', file, `127.0.0.1:${side.secure}`]
      const said = await runTool(pathOf('testssl'), args, { timeout: 240_000 })
      found.set(side.name, await readFindings(file, said))
    }
    const ours = found.get('Gatehouse') as Map<string, Finding>
    return [...ours.values()]
      .filter(({ id, severity }) => severity !== 'INFO' && !isAside.test(id))
      .map((finding) => ({
        section: finding.id,
        says: finding.cve ?? '',
        ours: judge(finding),
        nginx: judge(found.get('nginx')?.get(finding.id)),
      }))
  },
}

interface Finding {
  id: string
  severity: string
  finding: string
  cve?: string
}

/** About the certificate, the name, the scanner itself and the openssl that it found on this machine. */
const isAside = /^(cert|DNS_|service|engine|scanTime)/

/** A scan that was broken off has found nothing wrong either, so it counts as one only if it reached its last check. */
async function readFindings(file: string, said: string): Promise<Map<string, Finding>> {
  const findings = JSON.parse(await readFile(file, 'utf8')) as Finding[]
  const byId = new Map(findings.map((each) => [each.id, each]))
  if (!byId.has('RC4') || byId.has('scanProblem'))
    throw new Error(`testssl.sh did not come to its end: ${said.slice(-500)}`)
  return byId
}

const grades: Readonly<Record<string, Grade>> = { OK: 'right', INFO: 'right', LOW: 'tolerable' }

function judge(finding: Finding): Judged
function judge(finding: Finding | undefined): Judged | undefined
function judge(finding: Finding | undefined): Judged | undefined {
  if (finding === undefined) return undefined
  return {
    grade: grades[finding.severity] ?? 'wrong',
    seen: `${finding.severity}: ${finding.finding.slice(0, 80)}`,
  }
}

/** What is offered in a handshake. */
export const sslscan: Part = {
  title: 'TLS offers (sslscan)',
  needs: ['sslscan'],
  async run(t, { start }) {
    const sides = await start(t, (await startRecorder(t)).port)
    const said = new Map<string, string>()
    for (const { name, secure } of sides)
      said.set(
        name,
        await runTool(pathOf('sslscan'), ['--no-colour', `127.0.0.1:${secure}`], { timeout: 120_000 }),
      )
    const at = (name: string) => said.get(name)
    return offers.map(({ says, good, show }): Row => {
      const judgeText = (text: string): Judged => ({
        grade: good(text) ? 'right' : 'wrong',
        seen:
          [...text.matchAll(show)].map((found) => found[0].trim().replace(/\s+/g, ' ')).join('; ') ||
          'nothing',
      })
      const nginx = at('nginx')
      return {
        section: 'handshake',
        says,
        ours: judgeText(at('Gatehouse') ?? ''),
        nginx: nginx === undefined ? undefined : judgeText(nginx),
      }
    })
  },
}

interface Offer {
  readonly says: string
  readonly good: (text: string) => boolean
  readonly show: RegExp
}

const ciphers = /^(Accepted|Preferred) +(\S+) +(\d+) bits +(\S+)/gm

const offers: readonly Offer[] = [
  {
    says: 'TLS 1.2 and 1.3, and nothing older',
    good: (text) =>
      /TLSv1\.2 +enabled/.test(text) &&
      /TLSv1\.3 +enabled/.test(text) &&
      !/(SSLv\d|TLSv1\.[01]) +enabled/.test(text),
    show: /^(SSLv\d|TLSv1\.\d) +enabled/gm,
  },
  {
    says: 'Ciphers of 128 bits and more, with forward secrecy and authenticated',
    good: (text) => {
      const offered = [...text.matchAll(ciphers)]
      return (
        offered.length > 0 &&
        offered.every(([, , , bits, name = '']) => Number(bits) >= 128 && /GCM|CHACHA20|CCM/.test(name))
      )
    },
    show: ciphers,
  },
  {
    says: 'No renegotiation by clients, and no heartbleed',
    good: (text) =>
      !/Insecure|(?<!not )vulnerable/i.test(text.replace(/Secure session renegotiation supported/i, '')),
    show: /^.*(renegotiation (not )?supported|heartbleed$).*/gim,
  },
]
