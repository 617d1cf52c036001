import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { steps } from './local/steps.ts'

/** A model of the list, which an operator may change. */
export type Model = z.infer<typeof modelSchema>

/** Of the restoration on this machine: what each parameter may be. It checks what a client sends and tells the page what to show. */
const localParameters = z.strictObject(
  Object.fromEntries(
    steps.map(({ name, title, description, choices }) => [
      name,
      ('minimum' in choices
        ? z.number().min(choices.minimum).max(choices.maximum)
        : z.union(choices.map((choice) => z.literal(choice)))
      )
        .optional()
        .meta({ title, description, step: 'step' in choices ? choices.step : undefined }),
    ]),
  ),
)

/** Of the models of others: what their interface has (see the Hugging Face image-to-image task). */
const remoteParameters = z.strictObject({
  prompt: z
    .string()
    .max(2_000)
    .optional()
    .meta({ title: 'What to do', description: 'In words, in English.' }),
  negative_prompt: z.string().max(2_000).optional().meta({ title: 'What not to do' }),
  guidance_scale: z.number().min(0).max(30).optional().meta({ title: 'How closely to follow the words' }),
  num_inference_steps: z.int().min(1).max(100).optional().meta({ title: 'Steps' }),
})

/**
 * Reads the list of models: a JSON array, as in models.json. Throws one sentence that names the file and every mistake
 * in it.
 */
export function readModels(file: string | URL): readonly Model[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as Error).message}`)
  }
  const parsed = z.array(modelSchema).min(1).safeParse(json)
  if (!parsed.success)
    throw new Error(
      `${file}: ${parsed.error.issues.map((issue) => `${placeOf(issue.path)} ${issue.message}`).join('; ')}`,
    )
  const ids = parsed.data.map(({ id }) => id)
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  if (twice !== undefined) throw new Error(`${file}: two models have the id ${twice}`)
  return parsed.data
}

/** What a client may set of a model. */
export function parametersOf(model: Pick<Model, 'provider'>) {
  return model.provider === 'local' ? localParameters : remoteParameters
}

// --- internal ---

const modelSchema = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'is not an id: lower case, digits, - . _'),
    name: z.string().min(1).max(100),
    /** `owner/name` of the Hugging Face hub, or what the local one is called. */
    model: z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'is not of the form owner/name'),
    provider: z.enum(['local', 'hf-inference', 'fal-ai', 'replicate']),
    /** What the provider calls it, if that is another name. */
    providerModel: z
      .string()
      .regex(/^[\w./:-]+$/, 'is not the name of a model')
      .optional(),
    category: z.string().max(50).default('restore'),
    description: z.string().max(1_000).default(''),
    parameters: z.record(z.string(), z.unknown()).default({}),
    tags: z.array(z.string().max(50)).default([]),
    version: z.string().max(50).default('1.0'),
  })
  .superRefine((model, context) => {
    const checked = parametersOf(model).safeParse(model.parameters)
    for (const issue of checked.error?.issues ?? [])
      context.addIssue({ code: 'custom', path: ['parameters', ...issue.path], message: issue.message })
  })

function placeOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '')
}
