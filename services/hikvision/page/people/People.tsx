import { useEffect, useState } from 'react'
import { ask } from '../../../shared/page/ask.ts'
import { type Device, deviceName, type Job, type Person, type PersonOnDevice } from '../model.ts'
import { useLoaded } from '../use-loaded.ts'
import { When } from '../When.tsx'
import { PersonForm } from './PersonForm.tsx'

/** Who is to be known to which device, and how far that is. */
export function People() {
  const people = useLoaded<{ people: readonly Person[] }>('admin/people', 5_000)
  const jobs = useLoaded<{ jobs: readonly Job[] }>('admin/jobs', 5_000)
  const { data } = useLoaded<{ devices: readonly Device[] }>('admin/devices')
  const [edited, setEdited] = useState<Person | 'new'>()
  const devices = data?.devices ?? []
  const reloadPeople = people.reload
  const reloadJobs = jobs.reload

  useEffect(() => {
    const source = new EventSource('admin/events/stream')
    source.addEventListener('job', () => {
      reloadPeople()
      reloadJobs()
    })
    return () => source.close()
  }, [reloadPeople, reloadJobs])

  const done = () => {
    setEdited(undefined)
    reloadPeople()
    reloadJobs()
  }
  return (
    <section aria-labelledby="people-title">
      <div className="section-head">
        <h2 id="people-title">People</h2>
        <button type="button" className="first end" onClick={() => setEdited('new')}>
          Add a person
        </button>
      </div>
      {people.fault && (
        <p className="notice bad" role="alert">
          {people.fault}
        </p>
      )}
      {people.data?.people.length === 0 && (
        <p className="notice">
          Nobody yet. People who are added here are brought to the devices that are chosen for them.
        </p>
      )}
      <ul className="cards">
        {people.data?.people.map((person) => (
          <li key={person.number} className="card person">
            {person.face ? (
              <img className="face" src={person.face} alt={`Face of ${person.name}`} />
            ) : (
              <span className="face">no face</span>
            )}
            <div>
              <h3>{person.name}</h3>
              <p className="soft">
                {[`no. ${person.number}`, ...person.cards.map((card) => `card ${card}`)].join(' · ')}
              </p>
              <ul className="plain on-devices">
                {person.devices.map((on) => (
                  <OnDevice key={on.device} on={on} devices={devices} />
                ))}
              </ul>
              <button type="button" onClick={() => setEdited(person)} aria-label={`Change ${person.name}`}>
                Change
              </button>
            </div>
          </li>
        ))}
      </ul>
      <JobList jobs={jobs.data?.jobs ?? []} devices={devices} onChange={done} />
      {edited && (
        <PersonForm
          person={edited === 'new' ? undefined : edited}
          devices={devices.filter(({ base }) => base !== null)}
          onDone={done}
          onClose={() => setEdited(undefined)}
        />
      )}
    </section>
  )
}

// --- internal ---

const words: Readonly<Record<PersonOnDevice['state'], string>> = {
  waiting: 'waits',
  running: 'on its way',
  done: 'there',
  failed: 'refused',
  cancelled: 'called off',
  replaced: 'replaced',
}
const colours: Readonly<Partial<Record<PersonOnDevice['state'], string>>> = {
  done: 'granted',
  failed: 'denied',
}

function nameIn(devices: readonly Device[], id: number): string {
  const device = devices.find((each) => each.id === id)
  return device ? deviceName(device) : `device ${id}`
}

function OnDevice({ on, devices }: { on: PersonOnDevice; devices: readonly Device[] }) {
  return (
    <li>
      <span className={`tag ${colours[on.state] ?? ''}`}>{words[on.state]}</span> {nameIn(devices, on.device)}
      {on.reason && on.state !== 'done' && <span className="soft"> {on.reason}</span>}
    </li>
  )
}

function JobList({
  jobs,
  devices,
  onChange,
}: {
  jobs: readonly Job[]
  devices: readonly Device[]
  onChange(): void
}) {
  const [fault, setFault] = useState<string>()
  const shown = jobs.filter(({ state }) => state !== 'replaced').slice(0, 50)
  if (shown.length === 0) return null

  async function act(path: string, method: string) {
    try {
      await ask(path, { method })
      setFault(undefined)
    } catch (error) {
      setFault((error as Error).message)
    }
    onChange()
  }

  return (
    <section aria-labelledby="jobs-title">
      <h2 id="jobs-title">Work on devices</h2>
      {fault && (
        <p className="notice bad" role="alert">
          {fault}
        </p>
      )}
      <ul className="plain jobs">
        {shown.map((job) => (
          <li key={job.id} className="row">
            <span className={`tag ${colours[job.state] ?? ''}`}>{words[job.state]}</span>
            <span>
              {job.kind === 'put' ? 'Bring' : 'Remove'} {job.personName} ({job.personNumber}){' '}
              {job.kind === 'put' ? 'to' : 'from'} {nameIn(devices, job.device)}
              {job.reason && <span className="soft"> · {job.reason}</span>}
              {job.state === 'waiting' && job.attempts > 0 && (
                <span className="soft">
                  {' '}
                  · tried {job.attempts === 1 ? 'once' : `${job.attempts} times`}, next{' '}
                  <When at={job.nextAt} />
                </span>
              )}
            </span>
            {(job.state === 'failed' || job.state === 'waiting') && (
              <button type="button" className="end" onClick={() => act(`admin/jobs/${job.id}/retry`, 'POST')}>
                Try now
              </button>
            )}
            {job.state === 'waiting' && (
              <button type="button" onClick={() => act(`admin/jobs/${job.id}`, 'DELETE')}>
                Call off
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}
