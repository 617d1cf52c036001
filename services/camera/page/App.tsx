import { useRef } from 'react'
import { CameraTrouble } from './camera/CameraTrouble.tsx'
import { Preview } from './camera/Preview.tsx'
import { useCamera } from './camera/useCamera.ts'
import { QualityPanel } from './quality/QualityPanel.tsx'
import { useQuality } from './quality/useQuality.ts'
import { RecordControls } from './recording/RecordControls.tsx'
import { RecordingList } from './recording/RecordingList.tsx'
import { useRecordings } from './recording/useRecordings.ts'

/** The camera page: what is seen, how good it is, and what was recorded. */
export function App() {
  const video = useRef<HTMLVideoElement>(null)
  const { camera, devices, deviceId, choose, tryAgain } = useCamera()
  const quality = useQuality(video, camera.state === 'on')
  const recordings = useRecordings()
  const { running, uploads, saved, notice } = recordings
  return (
    <>
      <header className="page-head">
        <h1>Camera</h1>
        {devices.length > 1 && (
          <label className="end which">
            <span className="visually-hidden">Which camera</span>
            <select
              value={deviceId}
              disabled={running !== undefined}
              onChange={({ target }) => choose(target.value)}
            >
              {devices.map((device, index) => (
                <option key={device.deviceId} value={device.deviceId}>
                  {device.label || `Camera ${index + 1}`}
                </option>
              ))}
            </select>
          </label>
        )}
      </header>
      <main className="page-main studio">
        <div className="stage">
          {notice && (
            <p className="notice warn" role="status">
              {notice}
            </p>
          )}
          {camera.state === 'on' ? (
            <>
              <Preview
                stream={camera.stream}
                isMirror={camera.isMirror}
                level={quality?.level}
                video={video}
              />
              <RecordControls
                running={running}
                canRecord={recordings.canRecord}
                start={() => void recordings.start(camera.stream)}
              />
            </>
          ) : camera.state === 'asking' ? (
            <p className="asking" role="status">
              The browser asks whether this page may use the camera. Allow it, and the picture appears here.
            </p>
          ) : (
            <CameraTrouble trouble={camera.trouble} tryAgain={tryAgain} />
          )}
        </div>
        <div className="side">
          {camera.state === 'on' && <QualityPanel quality={quality} />}
          <RecordingList
            uploads={uploads}
            saved={saved}
            remove={recordings.remove}
            retry={recordings.retry}
          />
        </div>
      </main>
    </>
  )
}
