import { type FormEvent, useState } from 'react'
import type { TestedRequest } from '../../dashboard/route-tester.ts'
import { ask } from '../ask.ts'
import { Panel } from './Panel.tsx'

/** Says what would become of a request, by the functions that would serve it. */
export function Tester() {
  const [answer, setAnswer] = useState<TestedRequest>()
  const [fault, setFault] = useState<string>()

  async function test(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const typed = {
      method: form.get('method'),
      url: form.get('url'),
      from: form.get('from') || undefined,
      upgrade: form.get('upgrade') === 'on',
    }
    try {
      setAnswer(await ask<TestedRequest>('POST', 'test', typed))
      setFault(undefined)
    } catch (error) {
      setAnswer(undefined)
      setFault((error as Error).message)
    }
  }

  return (
    <Panel id="tester" title="Route tester">
      <form className="tester" onSubmit={test}>
        <label>
          Method
          <select name="method">
            {['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) => (
              <option key={method}>{method}</option>
            ))}
          </select>
        </label>
        <label className="long">
          URL
          <input
            name="url"
            required
            placeholder="https://localhost:8443/open"
            spellCheck={false}
            autoCapitalize="none"
          />
        </label>
        <label>
          From
          <input name="from" placeholder="127.0.0.1" spellCheck={false} />
        </label>
        <label className="check">
          <input type="checkbox" name="upgrade" /> WebSocket
        </label>
        <button type="submit" className="first">
          Test
        </button>
      </form>
      <div aria-live="polite">
        {fault && <p className="notice bad">{fault}</p>}
        {answer && <Answer {...answer} />}
        {!fault && !answer && (
          <p className="soft empty">
            Type an address as a browser would have it. Nothing is sent, and no limit is used up.
          </p>
        )}
      </div>
    </Panel>
  )
}

function Answer({ served, answer, readAs, route, params, policies, nearMisses, sent }: TestedRequest) {
  return (
    <div className="answer">
      <p className={`notice ${served ? 'good' : 'bad'}`}>{answer}</p>
      <dl className="facts">
        {readAs && <Fact name="Read as" value={`${readAs.method} ${readAs.address} on ${readAs.listener}`} />}
        {route && <Fact name="Route" value={`${route.name}, ${route.rule}`} />}
        {Object.entries(params).map(([name, value]) => (
          <Fact key={name} name={`:${name}`} value={value} />
        ))}
        {sent && <Fact name="Sent" value={`${sent.method} ${sent.path}, with ${sent.fields.join(', ')}`} />}
      </dl>
      {policies.length > 0 && (
        <ol className="verdicts">
          {policies.map(({ policy, mode, verdict, reason }) => (
            <li key={policy}>
              <span className={`chip ${verdict === 'pass' ? 'good' : verdict === 'not asked' ? '' : 'bad'}`}>
                {verdict}
              </span>{' '}
              {policy}
              {mode === 'observe' && <span className="soft"> (observes)</span>}
              {reason && <span className="under">{reason}</span>}
            </li>
          ))}
        </ol>
      )}
      {nearMisses.length > 0 && (
        <details>
          <summary>Routes that nearly fit</summary>
          <ul>
            {nearMisses.map((miss) => (
              <li key={miss.route}>
                {`${miss.route}, ${miss.rule}: `}
                <span className="soft">{miss.reason}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  )
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}
