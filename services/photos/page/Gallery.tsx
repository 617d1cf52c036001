import { useEffect, useState } from 'react'
import type { Refusal } from '../../shared/page/ask.ts'
import { api, type Restoration } from './api.ts'
import { DeleteButton } from './DeleteButton.tsx'
import { Link } from './Link.tsx'

interface GalleryProps {
  onRefused(refusal: Refusal): string
}

/** What was restored before, newest first, with what is under way. */
export function Gallery({ onRefused }: GalleryProps) {
  const [items, setItems] = useState<readonly Restoration[]>()
  const [total, setTotal] = useState(0)
  const [fault, setFault] = useState<string>()
  const isBusy = items?.some(({ status }) => status === 'queued' || status === 'running') ?? false

  const refuse = (refusal: Refusal) => setFault(onRefused(refusal))

  async function load(count = items?.length ?? 0) {
    const page = await api.history(0, Math.min(100, Math.max(24, count)))
    setItems(page.items)
    setTotal(page.total)
    setFault(undefined)
  }

  async function more() {
    const page = await api.history(items?.length ?? 0)
    setItems((before = []) => [
      ...before,
      ...page.items.filter(({ id }) => !before.some((one) => one.id === id)),
    ])
    setTotal(page.total)
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: asked at the start, and on while something is under way
  useEffect(() => {
    if (items === undefined) void load().catch(refuse)
    if (!isBusy) return
    const timer = setInterval(() => void load().catch(refuse), 2_000)
    return () => clearInterval(timer)
  }, [isBusy])

  return (
    <section aria-labelledby="gallery">
      <h2 id="gallery">Your pictures</h2>
      {fault && (
        <p className="notice bad" role="alert">
          {fault}{' '}
          <button type="button" onClick={() => load().catch(refuse)}>
            Try again
          </button>
        </p>
      )}
      {items?.length === 0 && (
        <p className="soft">
          There are none yet. Pictures are kept for a while only: download what you want to keep.
        </p>
      )}
      <ul className="gallery">
        {items?.map((item) => (
          <li key={item.id} className="card">
            <Link href={`/pictures/${item.id}`}>
              <img src={item.thumbnail_url} alt="" loading="lazy" />
              <span className="name">{item.original_filename}</span>
            </Link>
            <Status item={item} />
            <DeleteButton
              name={item.original_filename}
              onDelete={async () => {
                await api.remove(item.id)
                setItems((before) => before?.filter(({ id }) => id !== item.id))
                setTotal((n) => n - 1)
              }}
              onRefused={refuse}
            />
          </li>
        ))}
      </ul>
      {items && items.length < total && (
        <button type="button" onClick={() => more().catch(refuse)}>
          Show more ({total - items.length})
        </button>
      )}
    </section>
  )
}

function Status({ item }: { item: Restoration }) {
  if (item.status === 'done')
    return (
      <span className="soft">
        {new Date(item.timestamp).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })}
      </span>
    )
  if (item.status === 'failed') return <span className="failed">Not restored</span>
  return (
    <span className="under-way">
      {item.step}
      <progress value={item.progress} max={1} aria-label={`Progress of ${item.original_filename}`} />
    </span>
  )
}
