import type { Model } from './api.ts'

interface ModelChoiceProps {
  readonly models: readonly Model[]
  readonly chosen: Model
  onChoose(model: Model): void
}

export function ModelChoice({ models, chosen, onChoose }: ModelChoiceProps) {
  return (
    <fieldset className="models">
      <legend>What to do</legend>
      {models.map((model) => (
        <label key={model.id} className={model.available ? 'model' : 'model away'}>
          <input
            type="radio"
            name="model"
            checked={model.id === chosen.id}
            disabled={!model.available}
            onChange={() => onChoose(model)}
          />
          <span>
            <strong>{model.name}</strong>
            <small>{model.unavailable_because ?? model.description}</small>
          </span>
        </label>
      ))}
    </fieldset>
  )
}
