import { useCallback, useEffect, useRef, useState } from 'react'
import { deleteVideo, knownSession, listVideos, type SavedVideo } from '../session.ts'
import { type Journal, openJournal } from './journal.ts'
import { closeInterrupted, type RunningRecording, startRecording } from './recorder.ts'
import { createUploader, type Upload, type Uploader } from './uploader.ts'

export interface RecordingsState {
  readonly running: RunningRecording | undefined
  readonly uploads: readonly Upload[]
  readonly saved: readonly SavedVideo[]
  /** What a person should know, a sentence each. */
  readonly notice: string | undefined
  readonly canRecord: boolean
  start(stream: MediaStream): Promise<void>
  remove(videoId: string): Promise<void>
  retry(videoId: string): void
}

/** All recordings of this browser: the one that runs, those on their way, and those that are whole at the service. */
export function useRecordings(): RecordingsState {
  const [journal, setJournal] = useState<Journal>()
  const [running, setRunning] = useState<RunningRecording>()
  const [uploads, setUploads] = useState<readonly Upload[]>([])
  const [saved, setSaved] = useState<readonly SavedVideo[]>([])
  const [notice, setNotice] = useState<string>()
  const uploader = useRef<Uploader>(undefined)

  const refresh = useCallback(async () => {
    const session = knownSession()
    // Not knowing the list is no reason to alarm anybody: the upload says what is wrong with the service.
    if (session) await listVideos(session).then(setSaved, () => {})
  }, [])

  useEffect(() => {
    let isOver = false
    async function begin() {
      const opened = await openJournal()
      const closed = await closeInterrupted(opened)
      if (isOver) return
      if (closed > 0)
        setNotice('A recording was cut off when the page closed. Everything up to then is kept and sent.')
      setJournal(opened)
      uploader.current = createUploader({
        journal: opened,
        onChange: setUploads,
        onWhole: () => void refresh(),
      })
    }
    void begin().catch(() =>
      setNotice(
        'This browser keeps nothing in this window, so it cannot record here. Open the page in an ordinary window.',
      ),
    )
    void refresh()
    return () => {
      isOver = true
      uploader.current?.stop()
    }
  }, [refresh])

  async function start(stream: MediaStream): Promise<void> {
    if (!journal || running) return
    setNotice(undefined)
    try {
      const recording = await startRecording({
        stream,
        journal,
        onData: () => uploader.current?.wake(),
        onEnd(fault) {
          setRunning(undefined)
          if (fault) setNotice(fault)
          uploader.current?.wake()
        },
      })
      setRunning(recording)
    } catch (error) {
      setNotice(`The recording could not start: ${(error as Error).message}`)
    }
  }

  async function remove(videoId: string): Promise<void> {
    const session = knownSession()
    try {
      if (session && saved.some(({ video_id }) => video_id === videoId)) await deleteVideo(session, videoId)
      await journal?.remove(videoId)
    } catch (error) {
      setNotice((error as Error).message)
    }
    uploader.current?.wake()
    await refresh()
  }

  const retry = (videoId: string) => uploader.current?.retry(videoId)
  return { running, uploads, saved, notice, canRecord: journal !== undefined, start, remove, retry }
}
