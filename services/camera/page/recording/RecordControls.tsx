import { useEffect, useState } from 'react'
import type { RunningRecording } from './recorder.ts'

interface RecordControlsProps {
  readonly running: RunningRecording | undefined
  readonly canRecord: boolean
  start(): void
}

/** Record, pause, go on, stop; and for how long it has been going. */
export function RecordControls({ running, canRecord, start }: RecordControlsProps) {
  const [isPaused, setPaused] = useState(false)
  useEffect(() => {
    if (!running) setPaused(false)
  }, [running])
  if (!running)
    return (
      <div className="controls">
        <button type="button" className="first record" disabled={!canRecord} onClick={start}>
          <span className="dot" aria-hidden="true" /> Record
        </button>
      </div>
    )
  return (
    <div className="controls">
      <button type="button" className="danger" onClick={() => void running.stop()}>
        <span className="square" aria-hidden="true" /> Stop
      </button>
      <button
        type="button"
        onClick={() => {
          if (isPaused) running.resume()
          else running.pause()
          setPaused(!isPaused)
        }}
      >
        {isPaused ? 'Go on' : 'Pause'}
      </button>
      <Elapsed running={running} isPaused={isPaused} />
    </div>
  )
}

function Elapsed({ running, isPaused }: { running: RunningRecording; isPaused: boolean }) {
  const [seconds, setSeconds] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => setSeconds(running.seconds()), 250)
    return () => clearInterval(timer)
  }, [running])
  return (
    <span className="elapsed">
      <span role="status">{isPaused ? 'Paused' : 'Recording'}</span>{' '}
      <span role="timer">{clockTime(seconds)}</span>
    </span>
  )
}

/** `1:05` */
export function clockTime(seconds: number): string {
  const whole = Math.floor(seconds)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
