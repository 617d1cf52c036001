import { useState } from 'react'
import { ask } from '../../../shared/page/ask.ts'
import { type Agent, type Device, deviceName } from '../model.ts'
import { useLoaded } from '../use-loaded.ts'
import { spanText, When } from '../When.tsx'
import { Agents } from './Agents.tsx'
import { DeviceForm } from './DeviceForm.tsx'

/** Milliseconds by which a clock may be wrong before it is worth a word. */
const worthAWord = 30_000

/** Every device that was heard of or added: when it was last seen, how its clock goes, and how it is reached. */
export function Devices() {
  const { data, fault, reload } = useLoaded<{ devices: readonly Device[] }>('admin/devices', 10_000)
  const agents = useLoaded<{ agents: readonly Agent[] }>('admin/agents', 10_000)
  const [edited, setEdited] = useState<Device | 'new'>()
  const done = () => {
    setEdited(undefined)
    reload()
  }
  return (
    <section aria-labelledby="devices-title">
      <div className="section-head">
        <h2 id="devices-title">Devices</h2>
        <button type="button" className="first end" onClick={() => setEdited('new')}>
          Add a device
        </button>
      </div>
      {fault && (
        <p className="notice bad" role="alert">
          {fault}
        </p>
      )}
      {data?.devices.length === 0 && (
        <p className="notice">No device yet. Those that send events appear by themselves.</p>
      )}
      <ul className="cards">
        {data?.devices.map((device) => (
          <DeviceCard
            key={device.id}
            device={device}
            agent={agents.data?.agents.find(({ id }) => id === device.agent)}
            onEdit={() => setEdited(device)}
            onChange={reload}
          />
        ))}
      </ul>
      <Agents agents={agents.data?.agents ?? []} onChange={agents.reload} />
      {edited && (
        <DeviceForm
          device={edited === 'new' ? undefined : edited}
          agents={agents.data?.agents ?? []}
          onDone={done}
          onClose={() => setEdited(undefined)}
        />
      )}
    </section>
  )
}

// --- internal ---

interface DeviceCardProps {
  readonly device: Device
  readonly agent: Agent | undefined
  onEdit(): void
  onChange(): void
}

const states = {
  unknown: 'not asked yet',
  ok: 'can be reached',
  away: 'away',
  refused: 'refuses the password',
} as const

function DeviceCard({ device, agent, onEdit, onChange }: DeviceCardProps) {
  const [said, setSaid] = useState<{ isGood: boolean; text: string }>()
  const [isAsking, setAsking] = useState(false)
  const { drift, base, state, stateReason, jobs } = device

  async function check() {
    setAsking(true)
    setSaid(undefined)
    try {
      const { info } = await ask<{ info: { model: string; firmware: string } }>(
        `admin/devices/${device.id}/check`,
        {
          method: 'POST',
        },
      )
      setSaid({ isGood: true, text: `It answers: ${info.model} ${info.firmware}` })
    } catch (error) {
      setSaid({ isGood: false, text: (error as Error).message })
    }
    setAsking(false)
    onChange()
  }

  return (
    <li className="card device">
      <h3>{deviceName(device)}</h3>
      <p className="soft">
        {[device.model, device.mac, device.serial].filter(Boolean).join(' · ') ||
          (device.lastSeen === null ? 'not heard of yet' : 'does not say who it is')}
      </p>
      <dl>
        <dt>Last seen</dt>
        <dd>
          <When at={device.lastSeen} />
          {device.sendsFrom && <span className="soft"> from {device.sendsFrom}</span>}
        </dd>
        <dt>Last event</dt>
        <dd>
          <When at={device.lastEvent} />
        </dd>
        <dt>Clock</dt>
        <dd className={drift !== null && Math.abs(drift) > worthAWord ? 'warn' : ''}>
          {drift === null
            ? 'not known'
            : Math.abs(drift) <= worthAWord
              ? 'right'
              : `${spanText(drift)} ${drift > 0 ? 'fast' : 'slow'}`}
        </dd>
        <dt>Reached at</dt>
        <dd>
          {base === null ? <span className="soft">sends only</span> : <code>{base}</code>}
          {agent && ` through ${agent.name}`}
        </dd>
        {base !== null && (
          <>
            <dt>State</dt>
            <dd className={state === 'ok' ? 'good' : state === 'unknown' ? '' : 'bad'}>
              {states[state]}
              {stateReason && <span className="soft"> ({stateReason})</span>}
            </dd>
            <dt>People</dt>
            <dd>
              {jobs.waiting === 0 && jobs.failed === 0 && 'all there'}
              {jobs.waiting > 0 && `${jobs.waiting} waiting `}
              {jobs.failed > 0 && <span className="bad">{jobs.failed} refused</span>}
            </dd>
          </>
        )}
      </dl>
      {said && (
        <p className={`notice ${said.isGood ? '' : 'bad'}`} role="status">
          {said.text}
        </p>
      )}
      <div className="row">
        <button type="button" onClick={onEdit} aria-label={`Change ${deviceName(device)}`}>
          Change
        </button>
        {base !== null && (
          <button
            type="button"
            onClick={check}
            disabled={isAsking}
            aria-label={`Ask it: ${deviceName(device)}`}
          >
            {isAsking ? 'Asking…' : 'Ask it'}
          </button>
        )}
      </div>
    </li>
  )
}
