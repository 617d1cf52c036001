import { type Device, deviceName } from '../model.ts'
import { type Filter, kindTitles, noFilter, queryOf } from './filter.ts'

interface FiltersProps {
  readonly filter: Filter
  readonly devices: readonly Device[]
  onChange(filter: Filter): void
}

/** What is looked for, and what was found as a file. */
export function Filters({ filter, devices, onChange }: FiltersProps) {
  const set = (name: keyof Filter) => (event: { target: { value: string } }) =>
    onChange({ ...filter, [name]: event.target.value })
  const isSet = Object.values(filter).some((value) => value !== '')
  return (
    <search className="card filters">
      <label className="broad">
        Search
        <input type="search" value={filter.q} onChange={set('q')} placeholder="Name, number, card, plate" />
      </label>
      <label>
        Kind
        <select value={filter.kind} onChange={set('kind')}>
          <option value="">All</option>
          {Object.entries(kindTitles).map(([kind, title]) => (
            <option key={kind} value={kind}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <label>
        Device
        <select value={filter.device} onChange={set('device')}>
          <option value="">All</option>
          {devices.map((device) => (
            <option key={device.id} value={device.id}>
              {deviceName(device)}
            </option>
          ))}
        </select>
      </label>
      <label>
        Let in
        <select value={filter.outcome} onChange={set('outcome')}>
          <option value="">All</option>
          <option value="granted">Yes</option>
          <option value="denied">No</option>
        </select>
      </label>
      <label>
        From
        <input type="date" value={filter.from} onChange={set('from')} />
      </label>
      <label>
        To
        <input type="date" value={filter.to} onChange={set('to')} />
      </label>
      <div className="row">
        <a className="button" href={`admin/events/export?${queryOf(filter, { format: 'csv' })}`} download>
          CSV
        </a>
        <a className="button" href={`admin/events/export?${queryOf(filter, { format: 'json' })}`} download>
          JSON
        </a>
        <button type="button" disabled={!isSet} onClick={() => onChange(noFilter)}>
          Show all
        </button>
      </div>
    </search>
  )
}
