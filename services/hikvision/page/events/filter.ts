import type { DeviceEvent } from '../model.ts'

export interface Filter {
  readonly q: string
  readonly kind: string
  readonly device: string
  readonly outcome: string
  readonly from: string
  readonly to: string
  readonly understood: string
}

export const noFilter: Filter = { q: '', kind: '', device: '', outcome: '', from: '', to: '', understood: '' }

/** As the service wants it. A day is one of the viewer's zone. */
export function queryOf(filter: Filter, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(more)
  for (const name of ['q', 'kind', 'device', 'outcome', 'understood'] as const)
    if (filter[name] !== '') query.set(name, filter[name])
  if (filter.from !== '') query.set('from', new Date(`${filter.from}T00:00:00`).toISOString())
  if (filter.to !== '') {
    const end = new Date(`${filter.to}T00:00:00`)
    end.setDate(end.getDate() + 1)
    query.set('to', end.toISOString())
  }
  return query.toString()
}

/** Whether an event that has just come belongs into the list that is shown. */
export function fits(event: DeviceEvent, filter: Filter): boolean {
  const words = [
    event.title,
    event.person?.name,
    event.person?.number,
    event.card,
    event.plate,
    event.channelName,
    event.device.name,
  ]
  const said = words.join('\n').toLowerCase()
  return (
    (filter.q === '' || said.includes(filter.q.toLowerCase())) &&
    (filter.kind === '' || event.kind === filter.kind) &&
    (filter.device === '' || String(event.device.id) === filter.device) &&
    (filter.outcome === '' || event.outcome === filter.outcome) &&
    (filter.understood === '' || String(event.understood) === filter.understood) &&
    filter.from === '' &&
    filter.to === ''
  )
}

export const kindTitles: Readonly<Record<string, string>> = {
  access: 'Access',
  plate: 'Number plate',
  face: 'Face',
  motion: 'Motion',
  intrusion: 'Intrusion',
  'line-crossing': 'Line crossed',
  'region-entrance': 'Region entered',
  'region-exiting': 'Region left',
  'people-count': 'People counted',
  'alarm-input': 'Alarm input',
  intercom: 'Intercom',
  tamper: 'Tampering',
  'video-loss': 'Video lost',
  'disk-error': 'Disk error',
  'disk-full': 'Disk full',
  other: 'Other',
  unknown: 'Not understood',
}
