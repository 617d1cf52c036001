import { type ReactNode, useState } from 'react'
import type { SavedVideo } from '../session.ts'
import { clockTime } from './RecordControls.tsx'
import type { Upload } from './uploader.ts'

interface RecordingListProps {
  readonly uploads: readonly Upload[]
  readonly saved: readonly SavedVideo[]
  remove(videoId: string): Promise<void>
  retry(videoId: string): void
}

/** What is on its way, and what is whole. */
export function RecordingList({ uploads, saved, remove, retry }: RecordingListProps) {
  const underway = new Set(uploads.map(({ entry }) => entry.videoId))
  const whole = saved.filter(({ video_id, status }) => status === 'complete' && !underway.has(video_id))
  return (
    <section className="card recordings" aria-labelledby="recordings-title">
      <h2 id="recordings-title">Recordings</h2>
      {uploads.length + whole.length === 0 && (
        <p className="soft">None yet. What you record is sent while you record, and listed here.</p>
      )}
      <ul>
        {uploads.toReversed().map((upload) => (
          <UploadRow key={upload.entry.videoId} upload={upload} remove={remove} retry={retry} />
        ))}
        {whole.map((video) => (
          <SavedRow key={video.video_id} video={video} remove={remove} />
        ))}
      </ul>
    </section>
  )
}

const states: Record<Upload['state'], string> = {
  recording: 'Recording and sending',
  sending: 'Sending',
  waiting: 'Waits to be sent',
  failed: 'Cannot be sent',
}

interface UploadRowProps extends Pick<RecordingListProps, 'remove' | 'retry'> {
  readonly upload: Upload
}

function UploadRow({ upload, remove, retry }: UploadRowProps) {
  const { entry, sent, state, reason } = upload
  const when = time(entry.startedAt)
  return (
    <li>
      <div className="row">
        <span>
          <strong>{when}</strong> <span className="soft">{size(entry.bytes)}</span>
        </span>
        <span className={`state ${state}`} role="status">
          {states[state]}
        </span>
      </div>
      <progress
        max={Math.max(1, entry.chunks)}
        value={sent}
        aria-label={`Sent of the recording of ${when}`}
      />
      {reason && (
        <p className="soft small">
          {reason.replace(/\.?$/, '.')}{' '}
          {state === 'waiting' && 'It is kept in this browser and sent as soon as it can be.'}
        </p>
      )}
      {state === 'failed' && (
        <div className="row actions">
          <button type="button" onClick={() => retry(entry.videoId)}>
            Try again<span className="visually-hidden"> to send the recording of {when}</span>
          </button>
          <Remove when={when} remove={() => remove(entry.videoId)} />
        </div>
      )}
    </li>
  )
}

function SavedRow({ video, remove }: { video: SavedVideo; remove: RemoveRecording }) {
  const [isOpen, setOpen] = useState(false)
  const when = time(Date.parse(video.created_at))
  const { duration, resolution } = video.metadata ?? {}
  return (
    <li>
      <div className="row">
        <span>
          <strong>{when}</strong>{' '}
          <span className="soft">
            {[duration == null ? undefined : clockTime(duration), resolution, size(video.size)]
              .filter(Boolean)
              .join(' · ')}
          </span>
        </span>
        <span className="state whole">Saved</span>
      </div>
      {isOpen && (
        // biome-ignore lint/a11y/useMediaCaption: what was just recorded has no captions, and no sound
        <video
          src={video.file_path?.slice(1)}
          controls
          playsInline
          autoPlay
          aria-label={`Recording of ${when}`}
        />
      )}
      <div className="row actions">
        <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Close' : 'Play'}
          <span className="visually-hidden"> the recording of {when}</span>
        </button>
        <Remove when={when} remove={() => remove(video.video_id)} />
      </div>
    </li>
  )
}

type RemoveRecording = RecordingListProps['remove']

/** Asks once more: nothing brings a recording back. */
function Remove({ when, remove }: { when: string; remove(): Promise<void> }) {
  const [isAsked, setAsked] = useState(false)
  const named: ReactNode = <span className="visually-hidden"> the recording of {when}</span>
  if (!isAsked)
    return (
      <button type="button" onClick={() => setAsked(true)}>
        Delete{named}
      </button>
    )
  return (
    <span className="row">
      <button type="button" className="danger" onClick={() => void remove()}>
        Delete for good{named}
      </button>
      <button type="button" onClick={() => setAsked(false)}>
        Keep{named}
      </button>
    </span>
  )
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
}

function size(bytes: number): string {
  return bytes < 100_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}
