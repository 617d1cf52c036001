import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { putCards } from '../isapi/cards.ts'
import type { Isapi } from '../isapi/client.ts'
import { putFace, removeFace } from '../isapi/faces.ts'
import { putPerson, removePerson } from '../isapi/persons.ts'
import type { Job } from './jobs.ts'
import type { People } from './people.ts'

export interface PerformSettings {
  readonly people: People
  /** Folder of the pictures. */
  readonly faces: string
}

/** The step that failed, in front of the reason: `face: poorFaceQuality`. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed'
  readonly step: string

  constructor(step: string, cause: unknown) {
    super(`${step}: ${(cause as Error).message}`, { cause })
    this.step = step
  }
}

/**
 * Does a job: brings one person on one device to where they stand now, whatever was there before, so that it may be done
 * twice. First the person, then what hangs on them.
 */
export async function perform(isapi: Isapi, job: Job, { people, faces }: PerformSettings): Promise<void> {
  if (job.kind === 'remove') return step('removal', () => removePerson(isapi, job.person))
  const person = await people.find(job.person)
  // Removed meanwhile: then another job removes them here.
  if (person === undefined) return
  await step('person', () => putPerson(isapi, person))
  await step('cards', () => putCards(isapi, person.number, person.cards))
  const sent = await people.faceSent(job.person, job.device)
  const { face } = person
  if (face === sent) return
  if (face === undefined) await step('face', () => removeFace(isapi, person.number))
  else {
    const jpeg = await readFile(join(faces, face))
    await step('face', () => putFace(isapi, person.number, person.name, jpeg))
  }
  await people.noteFaceSent(job.person, job.device, face)
}

// --- internal ---

async function step(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    throw new StepFailed(name, error)
  }
}
