import { ask } from '../../../shared/page/ask.ts'
import { Dialog } from '../Dialog.tsx'
import { type Agent, type Device, deviceName } from '../model.ts'

interface DeviceFormProps {
  /** Undefined: a new one. */
  readonly device: Device | undefined
  readonly agents: readonly Agent[]
  onDone(): void
  onClose(): void
}

/** What a device is called, and how it is reached. */
export function DeviceForm({ device, agents, onDone, onClose }: DeviceFormProps) {
  async function submit(form: FormData) {
    const text = (name: string) => String(form.get(name) ?? '').trim()
    const json = {
      name: text('name'),
      base: text('base') || null,
      login: text('login') || 'admin',
      password: String(form.get('password') ?? '') || undefined,
      agent: text('agent') === '' ? null : Number(text('agent')),
    }
    const path = device === undefined ? 'admin/devices' : `admin/devices/${device.id}`
    await ask(path, { method: device === undefined ? 'POST' : 'PUT', json })
    onDone()
  }
  async function remove() {
    await ask(`admin/devices/${device?.id}`, { method: 'DELETE' })
    onDone()
  }
  return (
    <Dialog
      title={device === undefined ? 'Add a device' : deviceName(device)}
      action="Save"
      submit={submit}
      remove={device && remove}
      onClose={onClose}
    >
      <label>
        Name
        <input name="name" defaultValue={device?.name} maxLength={120} />
      </label>
      <label>
        Address
        <input name="base" type="url" defaultValue={device?.base ?? ''} placeholder="http://192.168.1.64" />
      </label>
      <p className="soft hint">Leave the address empty for a device that only sends events.</p>
      <label>
        Reached
        <select name="agent" defaultValue={device?.agent ?? ''}>
          <option value="">from this server</option>
          {agents.map(({ id, name }) => (
            <option key={id} value={id}>
              through the agent {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        User of the device
        <input
          name="login"
          defaultValue={device?.login ?? 'admin'}
          autoComplete="off"
          autoCapitalize="none"
        />
      </label>
      <label>
        Its password
        <input
          name="password"
          type="password"
          autoComplete="new-password"
          placeholder={device?.hasPassword ? 'stays as it is' : ''}
        />
      </label>
    </Dialog>
  )
}
