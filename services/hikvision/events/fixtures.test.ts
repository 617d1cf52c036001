import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readBody } from './read.ts'

/** Payloads of real devices, where their folder lies beside the project: it is not part of it. */
const folder = join(import.meta.dirname, '../../../../shared/fixtures/hikvision')
const skip = existsSync(folder) ? false : 'the folder of real payloads is not here'

/** What each file has to be read as, where its name does not say it. */
const expected: Record<string, string> = {
  'alertStream_access_terminal_truncated.txt': `${'access '.repeat(28)}unknown`,
  'mixed_xml_then_json_parts.bin': 'unknown other',
  'single_chunk.bin': 'access',
  'linedetection_xml_plus_jpeg.bin': 'line-crossing',
  'doubled_boundary_lines.bin': 'alarm-input',
  'no_final_boundary.bin': 'alarm-input',
  'nul_padded_and_bom_json.bin': 'access',
  'trailing_byte_after_body.http': 'alarm-input',
  'unescaped_ampersand.xml': 'motion',
  'duration_relationEvent_fielddetection_ipc.xml': 'intrusion',
}
const byName: [RegExp, string][] = [
  [/^ace_/, 'access'],
  [/^anpr_/, 'plate'],
  [/^fielddetection_/, 'intrusion'],
  [/^linedetection_/, 'line-crossing'],
  [/^heartbeat_/, 'heartbeat'],
  [/^io_/, 'alarm-input'],
  [/^video_intercom/, 'intercom'],
  [/^vmd_/, 'motion'],
]

describe('payloads of real devices', { skip }, () => {
  for (const kind of skip ? [] : ['events', 'multipart', 'quirks_derived', 'streams'])
    for (const file of readdirSync(join(folder, kind)))
      test(`${kind}/${file}`, () => {
        const { body, type } = bodyOf(readFileSync(join(folder, kind, file)), file)
        const readings = readBody(body, type)
        const kinds = readings.map((reading) => (reading.is === 'event' ? reading.event.kind : reading.is))
        const wanted = expected[file] ?? byName.find(([pattern]) => pattern.test(file))?.[1]
        assert.equal(kinds.join(' '), wanted)
        for (const reading of readings)
          if (reading.is === 'event' && reading.event.timeText !== undefined)
            assert.ok(reading.event.time, reading.event.timeText)
      })
})

/** Some files are a whole request. */
function bodyOf(bytes: Buffer, file: string): { body: Buffer; type: string } {
  if (!file.endsWith('.http')) return { body: bytes, type: '' }
  const end = bytes.indexOf('\r\n\r\n')
  const type = /^content-type: *(.*)$/im.exec(bytes.toString('latin1', 0, end))?.[1] ?? ''
  return { body: bytes.subarray(end + 4), type }
}
