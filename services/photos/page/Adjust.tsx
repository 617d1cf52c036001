import type { Model, Parameter } from './api.ts'

type Values = Record<string, number | string>

interface AdjustProps {
  readonly model: Model
  /** What differs from the model's own. */
  readonly changed: Values
  onChange(changed: Values): void
}

/** The parameters of a model, made from its schema. */
export function Adjust({ model, changed, onChange }: AdjustProps) {
  const shown = Object.entries(model.schema.properties).filter(
    ([name]) => model.provider === 'local' || name in model.parameters,
  )
  if (shown.length === 0) return null
  return (
    <details className="adjust">
      <summary>Adjust</summary>
      <div className="parameters">
        {shown.map(([name, parameter]) => (
          <Field
            key={name}
            name={name}
            parameter={parameter}
            value={changed[name] ?? model.parameters[name] ?? lowest(parameter)}
            onChange={(value) => onChange({ ...changed, [name]: value })}
          />
        ))}
      </div>
    </details>
  )
}

interface FieldProps {
  readonly name: string
  readonly parameter: Parameter
  readonly value: number | string
  onChange(value: number | string): void
}

function Field({ name, parameter, value, onChange }: FieldProps) {
  const { title = name, description, minimum, maximum, step = 1, anyOf } = parameter
  const help = description && <small className="soft">{description}</small>
  if (anyOf)
    return (
      <label>
        {title}
        <select value={value} onChange={({ target }) => onChange(Number(target.value))}>
          {anyOf.map((choice) => (
            <option key={choice.const} value={choice.const}>
              {choice.const === 1 ? 'As it is' : `${choice.const} times`}
            </option>
          ))}
        </select>
        {help}
      </label>
    )
  if (parameter.type === 'string')
    return (
      <label>
        {title}
        <textarea rows={3} value={value} onChange={({ target }) => onChange(target.value)} />
        {help}
      </label>
    )
  return (
    <label>
      <span className="with-value">
        {title} <output>{Number(value) === 0 ? 'off' : value}</output>
      </span>
      <input
        type="range"
        min={minimum}
        max={maximum}
        step={step}
        value={value}
        onChange={({ target }) => onChange(Number(target.value))}
      />
      {help}
    </label>
  )
}

function lowest({ minimum, anyOf, type }: Parameter): number | string {
  return type === 'string' ? '' : (minimum ?? anyOf?.[0]?.const ?? 0)
}
