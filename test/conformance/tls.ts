import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startRecorder } from '../differential/recorder.ts'
import { pathOf } from '../harness/parts.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import type { Grade, Judged, Part, Row } from './row.ts'
import { runTool } from './run-tool.ts'

/** Known weaknesses of TLS, one by one. Both sides as they come: nginx with what Debian compiled in. */
export const testssl: Part = {
  title: 'TLS weaknesses (testssl.sh)',
  needs: ['testssl'],
  async run(t, { start }) {
    const sides = await start(t, (await startRecorder(t)).port)
    const found = new Map<string, Map<string, Finding>>()
    for (const side of sides) {
      const file = join(await tempFolder(t), 'found.json')
      const args = [
        '--quiet',
        '--color',
        '0',
        '--warnings',
        'off',
        '-p',
        '-s',
        '-f',
        '-U',
        '--jsonfile',
        file,
      ]
      await runTool(pathOf('testssl'), [...args, `127.0.0.1:${side.secure}`], { timeout: 240_000 })
      const findings = JSON.parse(await readFile(file, 'utf8')) as Finding[]
      found.set(side.name, new Map(findings.map((each) => [each.id, each])))
    }
    const ours = found.get('Gatehouse') ?? new Map<string, Finding>()
    return [...ours.values()]
      .filter(({ id, severity }) => severity !== 'INFO' && !/^(service|engine|scanTime|scanProblem)/.test(id))
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

const grades: Readonly<Record<string, Grade>> = {
  OK: 'right',
  INFO: 'right',
  LOW: 'tolerable',
  MEDIUM: 'tolerable',
}

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
