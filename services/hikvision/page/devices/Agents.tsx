import { useState } from 'react'
import { ask } from '../../../shared/page/ask.ts'
import { Dialog } from '../Dialog.tsx'
import type { Agent } from '../model.ts'
import { RemoveButton } from '../RemoveButton.tsx'
import { When } from '../When.tsx'

/** Programs that stand in networks which this server cannot reach. */
export function Agents({ agents, onChange }: { agents: readonly Agent[]; onChange(): void }) {
  const [isAdding, setAdding] = useState(false)
  const [token, setToken] = useState<string>()
  const [fault, setFault] = useState<string>()

  async function remove(id: number) {
    try {
      await ask(`admin/agents/${id}`, { method: 'DELETE' })
      setFault(undefined)
    } catch (error) {
      setFault((error as Error).message)
    }
    onChange()
  }

  return (
    <section aria-labelledby="agents-title" className="agents">
      <div className="section-head">
        <h2 id="agents-title">Agents</h2>
        <button type="button" className="end" onClick={() => setAdding(true)}>
          Add an agent
        </button>
      </div>
      <p className="soft">
        A device behind a router cannot be reached from here. An agent beside it can: it connects to this
        server by itself, and asks the device for it.
      </p>
      {fault && (
        <p className="notice bad" role="alert">
          {fault}
        </p>
      )}
      {token && (
        <div className="notice" role="status">
          <p>Start it in the network of the devices. This token is shown once:</p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
          <pre tabIndex={0}>{`SERVER=${location.origin} TOKEN=${token} npm run hikvision:agent`}</pre>
          <button type="button" onClick={() => setToken(undefined)}>
            I have it
          </button>
        </div>
      )}
      <ul className="plain">
        {agents.map(({ id, name, isConnected, lastSeen }) => (
          <li key={id} className="row">
            <strong>{name}</strong>
            <span className={`tag ${isConnected ? 'granted' : 'denied'}`}>
              {isConnected ? 'connected' : 'away'}
            </span>
            <span className="soft">
              last seen <When at={lastSeen} />
            </span>
            <RemoveButton what={`the agent ${name}`} onRemove={() => void remove(id)} />
          </li>
        ))}
      </ul>
      {isAdding && (
        <Dialog
          title="Add an agent"
          action="Make its token"
          submit={async (form) => {
            const made = await ask<{ token: string }>('admin/agents', { json: { name: form.get('name') } })
            setToken(made.token)
            setAdding(false)
            onChange()
          }}
          onClose={() => setAdding(false)}
        >
          <label>
            Name
            <input name="name" required maxLength={80} placeholder="Warehouse" />
          </label>
        </Dialog>
      )}
    </section>
  )
}
