import type { Engines } from '../engines/index.ts'
import { type Model, parametersOf } from '../engines/models.ts'
import { refusal } from '../refusal.ts'

/** Which model, and what was set for it, from the fields of a form. Refuses what the model does not know. */
export function readOrder(
  { model_id, parameters = '{}' }: Readonly<Record<string, string>>,
  { models, engines }: { models: readonly Model[]; engines: Engines },
): { model: Model; parameters: Record<string, unknown> } {
  if (model_id === undefined) throw refusal(400, 'The field "model_id" is missing.')
  const model = models.find(({ id }) => id === model_id)
  if (model === undefined) throw refusal(404, `There is no model "${model_id.slice(0, 64)}".`)
  const whyNot = engines.whyNot(model)
  if (whyNot !== undefined) throw refusal(503, whyNot)
  const parsed = parametersOf(model).safeParse(readJson(parameters))
  if (parsed.success) return { model, parameters: parsed.data }
  const [issue] = parsed.error.issues
  throw refusal(
    400,
    `parameters${issue?.path.map((part) => `.${String(part)}`).join('') ?? ''}: ${issue?.message}`,
  )
}

// --- internal ---

function readJson(text: string): unknown {
  try {
    return JSON.parse(text || '{}')
  } catch {
    throw refusal(400, 'The field "parameters" is not JSON.')
  }
}
