import { readSettings } from '../settings.ts'
import type { Journal, RecordingFacts } from './journal.ts'

export interface RunningRecording {
  readonly videoId: string
  /** Seconds so far, without pauses. */
  seconds(): number
  pause(): void
  resume(): void
  /** Resolves when all of it is in the journal. */
  stop(): Promise<void>
}

interface RecorderSettings {
  readonly stream: MediaStream
  readonly journal: Journal
  /** Something was added. */
  onData(): void
  /** It ended, by itself or because it was told to. The sentence says what was wrong, if something was. */
  onEnd(fault?: string): void
}

/** In order of preference; every browser that records at all has one of them. */
const kinds = ['video/webm;codecs=vp9', 'video/webm;codecs=vp8', 'video/webm', 'video/mp4']
/** Milliseconds: at most so much is lost when the browser itself ends. */
const slice = 1_000

/** Records a stream into the journal, second by second. Rejects if the browser cannot. */
export async function startRecording(settings: RecorderSettings): Promise<RunningRecording> {
  const { stream, journal, onData, onEnd } = settings
  const mimeType = kinds.find((kind) => MediaRecorder.isTypeSupported(kind)) ?? ''
  const recorder = new MediaRecorder(stream, { mimeType, videoBitsPerSecond: 2_500_000 })
  const videoId = crypto.randomUUID()
  const clock = createClock()
  let fault: string | undefined
  let written: Promise<void> = journal.begin({
    videoId,
    extension: recorder.mimeType.includes('mp4') ? 'mp4' : 'webm',
    chunkSize: (await readSettings()).chunk_size,
  })
  await written
  const release = await hold(videoId)

  recorder.ondataavailable = ({ data }) => {
    // One after the other: what comes later belongs behind it.
    written = written.then(async () => {
      if (data.size === 0) return
      await journal.append(videoId, new Uint8Array(await data.arrayBuffer()))
      onData()
    })
    written.catch(() => {
      fault = 'This browser has no room left for the recording. What was kept until now is sent.'
      if (recorder.state !== 'inactive') recorder.stop()
    })
  }
  const ended = new Promise<void>((resolve) => {
    recorder.onstop = async () => {
      clock.stop()
      await written.catch(() => {})
      await journal.finish(videoId, factsOf(stream, recorder.mimeType, clock.seconds())).catch(() => {
        fault ??= 'The recording could not be closed. Load the page again: what was kept is sent.'
      })
      release()
      resolve()
      onEnd(fault)
    }
  })
  recorder.start(slice)
  return {
    videoId,
    seconds: clock.seconds,
    pause() {
      recorder.pause()
      clock.stop()
    },
    resume() {
      recorder.resume()
      clock.start()
    },
    stop() {
      if (recorder.state !== 'inactive') recorder.stop()
      return ended
    },
  }
}

/**
 * Closes what a page left open that was loaded again, or ended. A recording that still runs in another tab is held there,
 * and left alone.
 */
export async function closeInterrupted(journal: Journal): Promise<number> {
  let closed = 0
  for (const { videoId, finished, extension } of await journal.list()) {
    if (finished) continue
    await navigator.locks.request(lockOf(videoId), { ifAvailable: true }, async (lock) => {
      if (!lock) return
      const unknown = { duration: null, resolution: null, frame_rate: null, camera_model: '' }
      await journal.finish(videoId, { ...unknown, codec: extension })
      closed++
    })
  }
  return closed
}

// --- internal ---

const lockOf = (videoId: string) => `recording ${videoId}`

/** Holds a recording's lock until it is released, or the page goes. */
function hold(videoId: string): Promise<() => void> {
  return new Promise((held) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    void navigator.locks.request(lockOf(videoId), () => {
      held(resolve)
      return promise
    })
  })
}

function createClock() {
  let sum = 0
  let since: number | undefined = performance.now()
  return {
    seconds: () => (sum + (since === undefined ? 0 : performance.now() - since)) / 1000,
    start() {
      since ??= performance.now()
    },
    stop() {
      if (since !== undefined) sum += performance.now() - since
      since = undefined
    },
  }
}

function factsOf(stream: MediaStream, codec: string, duration: number): RecordingFacts {
  const track = stream.getVideoTracks()[0]
  const { width, height, frameRate } = track?.getSettings() ?? {}
  return {
    duration: Math.round(duration * 10) / 10,
    codec: codec.slice(0, 100),
    resolution: width && height ? `${width}x${height}` : null,
    frame_rate: frameRate ?? null,
    camera_model: (track?.label ?? '').slice(0, 200),
  }
}
