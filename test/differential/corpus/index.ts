import type { Case } from './case.ts'
import { chunkTricks } from './chunks.ts'
import { codings } from './codings.ts'
import { fieldLines } from './fields.ts'
import { hosts } from './hosts.ts'
import { intentions } from './intentions.ts'
import { lengths } from './lengths.ts'
import { methods } from './methods.ts'
import { pipelines } from './pipelines.ts'
import { requestLines } from './request-lines.ts'
import { targets } from './targets.ts'

/** Every request of the corpus. Names are unique. */
export const corpus: readonly Case[] = [
  ...lengths,
  ...codings,
  ...chunkTricks,
  ...fieldLines,
  ...requestLines,
  ...methods,
  ...hosts,
  ...targets,
  ...intentions,
  ...pipelines,
]
