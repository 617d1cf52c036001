import { useState } from 'react'
import type { Refusal } from '../../shared/page/ask.ts'
import { api } from './api.ts'
import { Compare } from './Compare.tsx'
import { DeleteButton } from './DeleteButton.tsx'
import { Link } from './Link.tsx'
import { go } from './route.ts'
import { useRestoration } from './use-restoration.ts'

interface PictureViewProps {
  readonly id: string
  onRefused(refusal: Refusal): string
}

/** One picture: how far it is, then before and after. */
export function PictureView({ id, onRefused }: PictureViewProps) {
  const [fault, setFault] = useState<string>()
  const { item, again } = useRestoration(id, (refusal) => setFault(onRefused(refusal)))

  return (
    <article className="picture">
      <p>
        <Link href="/">← All pictures</Link>
      </p>
      {fault && (
        <p className="notice bad" role="alert">
          {fault}
        </p>
      )}
      {item && (
        <>
          <h2>{item.original_filename}</h2>
          {item.status === 'done' && item.processed_url ? (
            <Compare
              before={item.original_url}
              after={item.processed_url}
              size={{ width: item.width, height: item.height }}
            />
          ) : (
            <img
              className="waiting"
              src={item.original_url}
              width={item.width}
              height={item.height}
              alt={`${item.original_filename}, as it was uploaded`}
            />
          )}
          {item.status === 'failed' ? (
            <div className="notice bad" role="alert">
              <p>{item.error?.title ?? 'It could not be restored.'}</p>
              <button type="button" onClick={again}>
                Try again
              </button>
            </div>
          ) : (
            <p role="status" className="step">
              {item.status === 'done' ? 'Restored.' : `${item.step}…`}
              {item.status !== 'done' && <progress value={item.progress} max={1} aria-label="Progress" />}
            </p>
          )}
          <ul className="notes soft">
            <li>
              {item.width} × {item.height} pixels
              {item.processed_width !== null &&
                item.processed_width !== item.width &&
                `, restored ${item.processed_width} × ${item.processed_height}`}
            </li>
            {item.notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
          <div className="choices">
            {item.status === 'done' && (
              <a className="button first" href={api.downloadOf(id)} download>
                Download
              </a>
            )}
            <DeleteButton
              name={item.original_filename}
              onDelete={async () => {
                await api.remove(id)
                go('/')
              }}
              onRefused={(refusal) => setFault(onRefused(refusal))}
            />
          </div>
        </>
      )}
    </article>
  )
}
