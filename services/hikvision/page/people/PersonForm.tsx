import { useEffect, useState } from 'react'
import { ask } from '../../../shared/page/ask.ts'
import { Dialog } from '../Dialog.tsx'
import { type Device, deviceName, type Person } from '../model.ts'

interface PersonFormProps {
  /** Undefined: a new one. */
  readonly person: Person | undefined
  /** Those that can be told of people. */
  readonly devices: readonly Device[]
  onDone(): void
  onClose(): void
}

/** Who somebody is, how they are recognised, and where. */
export function PersonForm({ person, devices, onDone, onClose }: PersonFormProps) {
  const [face, setFace] = useState<File>()
  const [preview, setPreview] = useState<string>()
  useEffect(() => {
    if (face === undefined) return setPreview(undefined)
    const url = URL.createObjectURL(face)
    setPreview(url)
    return () => URL.revokeObjectURL(url)
  }, [face])
  const on = new Set(person?.devices.map(({ device }) => device) ?? devices.map(({ id }) => id))

  async function submit(form: FormData) {
    const text = (name: string) => String(form.get(name) ?? '').trim()
    const number = person?.number ?? text('number')
    const path = `admin/people/${encodeURIComponent(number)}`
    const json = {
      name: text('name'),
      type: text('type'),
      validFrom: `${text('validFrom')}T00:00:00`,
      validTo: `${text('validTo')}T23:59:59`,
      cards: text('cards')
        .split(/[\s,;]+/)
        .filter(Boolean),
      doors: text('doors')
        .split(/[\s,;]+/)
        .filter(Boolean)
        .map(Number),
      devices: form.getAll('devices').map(Number),
    }
    await ask(path, { method: 'PUT', json })
    if (face)
      await ask(`${path}/face`, {
        method: 'PUT',
        body: face,
        headers: { 'Content-Type': 'application/octet-stream' },
      })
    else if (form.get('noFace') === 'on') await ask(`${path}/face`, { method: 'DELETE' })
    onDone()
  }
  async function remove() {
    await ask(`admin/people/${encodeURIComponent(person?.number ?? '')}`, { method: 'DELETE' })
    onDone()
  }

  return (
    <Dialog
      title={person?.name ?? 'Add a person'}
      action="Save and bring to the devices"
      submit={submit}
      remove={person && remove}
      onClose={onClose}
    >
      <label>
        Name
        <input name="name" required maxLength={64} defaultValue={person?.name} autoComplete="off" />
      </label>
      <label>
        Number
        <input
          name="number"
          required
          pattern="[A-Za-z0-9_\-]{1,32}"
          title="1 to 32 letters, digits, dashes"
          defaultValue={person?.number}
          disabled={person !== undefined}
          autoComplete="off"
        />
      </label>
      <div className="two">
        <label>
          Kind
          <select name="type" defaultValue={person?.type ?? 'normal'}>
            <option value="normal">belongs here</option>
            <option value="visitor">visitor</option>
            <option value="blackList">to be kept out</option>
          </select>
        </label>
        <label>
          Doors
          <input
            name="doors"
            defaultValue={person?.doors.join(', ') ?? '1'}
            pattern="[\d\s,;]+"
            title="Numbers of doors"
          />
        </label>
        <label>
          From
          <input
            name="validFrom"
            type="date"
            required
            defaultValue={person?.validFrom.slice(0, 10) ?? '2020-01-01'}
          />
        </label>
        <label>
          Until
          <input
            name="validTo"
            type="date"
            required
            max="2037-12-31"
            defaultValue={person?.validTo.slice(0, 10) ?? '2037-12-31'}
          />
        </label>
      </div>
      <label>
        Cards
        <input
          name="cards"
          defaultValue={person?.cards.join(', ')}
          placeholder="0006987309, …"
          autoComplete="off"
        />
      </label>
      <label>
        Face
        <input type="file" accept="image/*" onChange={(event) => setFace(event.target.files?.[0])} />
      </label>
      {(preview ?? person?.face) && (
        <img className="large" src={preview ?? person?.face ?? ''} alt="The face that is sent" />
      )}
      {person?.face && !face && (
        <label className="check">
          <input type="checkbox" name="noFace" /> Remove the face
        </label>
      )}
      <fieldset>
        <legend>On these devices</legend>
        {devices.length === 0 && (
          <p className="soft">None can be reached yet. Give a device an address first.</p>
        )}
        {devices.map((device) => (
          <label key={device.id} className="check">
            <input type="checkbox" name="devices" value={device.id} defaultChecked={on.has(device.id)} />{' '}
            {deviceName(device)}
          </label>
        ))}
      </fieldset>
    </Dialog>
  )
}
