import { useState } from 'react'
import type { ExchangeFilter } from '../../observability/exchange-filter.ts'
import { ask } from './ask.ts'
import { Certificates } from './parts/Certificates.tsx'
import { Exchanges } from './parts/Exchanges.tsx'
import { Policies } from './parts/Policies.tsx'
import { Reloads } from './parts/Reloads.tsx'
import { Routes } from './parts/Routes.tsx'
import { State } from './parts/State.tsx'
import { Tester } from './parts/Tester.tsx'
import { Traffic } from './parts/Traffic.tsx'
import { Upstreams } from './parts/Upstreams.tsx'
import { type Live, useStream } from './use-stream.ts'

const sections = [
  ['traffic', 'Traffic'],
  ['routes', 'Routes'],
  ['upstreams', 'Upstreams'],
  ['live', 'Live'],
  ['policies', 'Policies'],
  ['certificates', 'Certificates'],
  ['reloads', 'Reloads'],
  ['tester', 'Tester'],
] as const

export function Dashboard({ onSignedOut }: { onSignedOut: () => void }) {
  const [filter, setFilter] = useState<ExchangeFilter>({})
  const [isPaused, setPaused] = useState(false)
  const live = useStream(isPaused ? undefined : filter, onSignedOut)
  const { overview, figures } = live

  function followRoute(route: string): void {
    setFilter({ route })
    setPaused(false)
    document.getElementById('live')?.scrollIntoView()
  }

  return (
    <>
      <header className="page-head">
        <h1>
          <img src={new URL('./icon.svg', import.meta.url).href} alt="" width="28" height="28" />
          Gatehouse
        </h1>
        <Connection connection={live.connection} />
        <button
          type="button"
          className="quiet"
          onClick={() => void ask('DELETE', 'session').finally(onSignedOut)}
        >
          Sign out
        </button>
        <nav aria-label="Sections">
          {sections.map(([id, name]) => (
            <a key={id} href={`#${id}`}>
              {name}
            </a>
          ))}
        </nav>
      </header>
      <main className="page-main">
        {overview === undefined ? (
          <p className="soft">Asking Gatehouse…</p>
        ) : (
          <>
            <State overview={overview} />
            <Traffic live={live} />
            <Routes overview={overview} figures={figures} rates={live.routeRates} onFollow={followRoute} />
            <Upstreams upstreams={overview.upstreams} />
            <Exchanges
              live={live}
              routes={overview.routes.map(({ name }) => name)}
              filter={filter}
              isPaused={isPaused}
              onFilter={setFilter}
              onPause={setPaused}
            />
            <div className="pair">
              <Policies policies={overview.policies} routes={overview.routes} />
              <Certificates certificates={overview.certificates} automatic={overview.automatic} />
            </div>
            <div className="pair">
              <Reloads reloads={overview.reloads} file={overview.file} />
              <Tester />
            </div>
          </>
        )}
      </main>
    </>
  )
}

const connections: Record<Live['connection'], string> = {
  joining: 'Joining…',
  live: 'Live',
  lost: 'Connection lost, trying again…',
}

function Connection({ connection }: Pick<Live, 'connection'>) {
  return (
    <p className={`connection ${connection}`} role="status">
      {connections[connection]}
    </p>
  )
}
