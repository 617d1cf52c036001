import { useCallback, useEffect, useRef, useState } from 'react'
import { Refusal } from '../../shared/page/ask.ts'
import { api, type Desktop, type Overview } from './api.ts'
import { Card } from './Card.tsx'

/** Milliseconds that this page is shown before it turns into a desktop. */
const atLeast = 1_000
/** Milliseconds between two looks: while something moves, after nobody answered, and otherwise. */
const [soon, afterFault, later] = [700, 2_000, 10_000]

/** `?open=alice-vscode`: opened as soon as it can be. The address of a desktop that does not run leads here. */
function wantedKey(): string | undefined {
  return new URLSearchParams(location.search).get('open') ?? undefined
}

/** A person's desktops: what there is, what may be started, and what becomes of it. */
export function Desktops({ onSignedOut }: { onSignedOut(): void }) {
  const [overview, setOverview] = useState<Overview>()
  const [fault, setFault] = useState<string>()
  const [opening, setOpening] = useState(wantedKey)
  const timer = useRef(0)

  const look = useCallback(async () => {
    clearTimeout(timer.current)
    let pause = later
    try {
      const next = await api.overview()
      setOverview(next)
      setFault(undefined)
      if (next.desktops.some(({ status }) => ['starting', 'stopping', 'deleting'].includes(status)))
        pause = soon
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) return onSignedOut()
      setFault((error as Error).message)
      pause = afterFault
    }
    timer.current = window.setTimeout(look, pause)
  }, [onSignedOut])

  useEffect(() => {
    void look()
    return () => clearTimeout(timer.current)
  }, [look])

  const awaited = overview?.desktops.find(({ key }) => key === opening)
  useEffect(() => {
    const { status, open } = awaited ?? {}
    if (status !== 'running' || open === undefined) return
    // Whoever comes from the desktop itself came because it was not there a moment ago: to and fro would be a flicker.
    const pause = Math.max(0, atLeast - performance.now())
    const timer = window.setTimeout(() => location.replace(open), pause)
    return () => clearTimeout(timer)
  }, [awaited])

  async function act(work: () => Promise<unknown>) {
    try {
      await work()
      setFault(undefined)
    } catch (error) {
      setFault((error as Error).message)
    }
    await look()
  }

  if (overview === undefined)
    return fault === undefined ? <p aria-busy="true">One moment…</p> : <Fault sentence={fault} />
  const mine = new Map(overview.desktops.map((each) => [each.type, each]))
  const others = overview.desktops.filter(({ type }) => !overview.types.some((each) => each.type === type))
  const running = overview.desktops.filter(
    ({ status }) => status === 'running' || status === 'starting',
  ).length

  return (
    <>
      {fault !== undefined && <Fault sentence={fault} />}
      {!overview.docker.ok && <NoDocker {...overview.docker} />}
      {opening !== undefined && awaited !== undefined && (
        <Waiting
          desktop={awaited}
          onStart={() => act(() => api.start(awaited.type))}
          onLeave={() => setOpening(undefined)}
        />
      )}
      <p className="soft">
        Each desktop is a Linux computer of its own, and nobody but you can open it. You may have{' '}
        {overview.limit} running; {running === 0 ? 'none is' : running === 1 ? 'one is' : `${running} are`}.
      </p>
      <ul className="cards">
        {overview.types.map((each) => (
          <Card
            key={each.type}
            {...each}
            desktop={mine.get(each.type)}
            canStart={overview.docker.ok}
            act={act}
          />
        ))}
        {others.map((each) => (
          <Card
            key={each.type}
            type={each.type}
            title={each.title}
            description="This kind is not offered any more."
            desktop={each}
            canStart={overview.docker.ok}
            act={act}
          />
        ))}
      </ul>
    </>
  )
}

function Fault({ sentence }: { sentence: string }) {
  return (
    <p className="notice bad" role="alert">
      {sentence}
    </p>
  )
}

function NoDocker({ where, reason }: Overview['docker']) {
  return (
    <section className="notice bad" aria-label="What is missing">
      <h2>No desktop can be started: there is no Docker here</h2>
      <p>
        {reason} It was looked for at{' '}
        {where?.map((each) => (
          <code key={each}>{each}</code>
        ))}
        .
      </p>
      <p>Whoever runs this machine can put it right:</p>
      <ol>
        <li>
          install it: <code>apt-get install docker.io</code>, and see that it runs:{' '}
          <code>systemctl start docker</code>,
        </li>
        <li>
          let this service reach it: its user belongs in the group <code>docker</code>, or{' '}
          <code>DOCKER_SOCKET</code> names another socket.
        </li>
      </ol>
      <p>This page looks again on its own; desktops that ran before are found again.</p>
    </section>
  )
}

function Waiting({ desktop, onStart, onLeave }: { desktop: Desktop; onStart(): void; onLeave(): void }) {
  const moves = desktop.status === 'starting' || desktop.status === 'running'
  return (
    <section className="notice waiting" aria-live="polite">
      <h2>{moves ? `${desktop.title} is about to open` : `${desktop.title} is not running`}</h2>
      <p>
        {moves
          ? 'This page turns into the desktop as soon as it is there.'
          : (desktop.reason ??
            'Start it, and this page turns into the desktop. Your files are where you left them.')}
      </p>
      <div className="row">
        {!moves && (
          <button type="button" className="first" onClick={onStart}>
            Start and open
          </button>
        )}
        <button type="button" onClick={onLeave}>
          Stay here instead
        </button>
      </div>
    </section>
  )
}
