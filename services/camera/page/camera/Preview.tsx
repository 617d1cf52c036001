import { type RefObject, useEffect, useState } from 'react'
import type { Level } from '../quality/useQuality.ts'

interface PreviewProps {
  readonly stream: MediaStream
  /** As people know themselves; what is recorded is not turned. */
  readonly isMirror: boolean
  readonly level: Level | undefined
  readonly video: RefObject<HTMLVideoElement | null>
}

/** Share of the shorter side of the picture: where the service measures. */
const regionShare = 0.7

/** What the camera sees, and the oval in which a face should be. */
export function Preview({ stream, isMirror, level, video }: PreviewProps) {
  const [size, setSize] = useState({ width: 640, height: 480 })
  useEffect(() => {
    if (video.current) video.current.srcObject = stream
  }, [stream, video])
  const radius = (Math.min(size.width, size.height) * regionShare) / 2
  return (
    <div className="preview" style={{ aspectRatio: `${size.width} / ${size.height}` }}>
      <video
        ref={video}
        autoPlay
        muted
        playsInline
        className={isMirror ? 'mirror' : undefined}
        aria-label="What the camera sees"
        onResize={({ currentTarget: { videoWidth, videoHeight } }) => {
          if (videoWidth > 0) setSize({ width: videoWidth, height: videoHeight })
        }}
      />
      <svg viewBox={`0 0 ${size.width} ${size.height}`} aria-hidden="true" className={`oval ${level ?? ''}`}>
        <ellipse cx={size.width / 2} cy={size.height / 2} rx={radius * 0.76} ry={radius} />
      </svg>
    </div>
  )
}
