import { DeviceRefusal } from './answer.ts'
import type { Isapi } from './client.ts'
import { isUnsupported } from './persons.ts'

/** The library of faces that may pass; the vendor calls it so. */
const library = { faceLibType: 'blackFD', FDID: '1' }
/** A device looks at a picture for longer than at words. */
const patience = 30_000

/** Puts the face of a person who is there already. The JPEG has 200 KB at most. */
export async function putFace(isapi: Isapi, number: string, name: string, jpeg: Buffer): Promise<void> {
  const body = faceBody({ ...library, FPID: number, name }, jpeg)
  try {
    await isapi.call({ method: 'PUT', path: 'Intelligent/FDLib/FDSetUp?format=json', body, patience })
    return
  } catch (error) {
    if (!isUnsupported(error)) throw error
  }
  const create = () =>
    isapi.call({ method: 'POST', path: 'Intelligent/FDLib/FaceDataRecord?format=json', body, patience })
  try {
    await create()
  } catch (error) {
    if (
      !(error instanceof DeviceRefusal) ||
      !/^(deviceUserAlreadyExistFace|alreadyExistThisFace)$/i.test(error.code)
    )
      throw error
    await removeFace(isapi, number)
    await create()
  }
}

/** Removes the face of a person. One that is not there is removed already. */
export async function removeFace(isapi: Isapi, number: string): Promise<void> {
  try {
    await isapi.call({
      method: 'PUT',
      path: `Intelligent/FDLib/FDSearch/Delete?format=json&FDID=${library.FDID}&faceLibType=${library.faceLibType}`,
      json: { FPID: [{ value: number }] },
    })
  } catch (error) {
    if (!(error instanceof DeviceRefusal) || !/^(faceDataNotExist|employeeNoNotExist)$/i.test(error.code))
      throw error
  }
}

// --- internal ---

/** Devices want the words first, and a length in each part, which FormData does not write. */
function faceBody(words: object, jpeg: Buffer): { type: string; content: Buffer } {
  const boundary = `gatehouse-${crypto.randomUUID()}`
  const part = (disposition: string, type: string, content: Buffer) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\nContent-Type: ${type}\r\nContent-Length: ${content.length}\r\n\r\n`,
    ),
    content,
    Buffer.from('\r\n'),
  ]
  const content = Buffer.concat([
    ...part('name="FaceDataRecord"', 'application/json', Buffer.from(JSON.stringify(words))),
    ...part('name="FaceImage"; filename="face.jpg"', 'image/jpeg', jpeg),
    Buffer.from(`--${boundary}--\r\n`),
  ])
  return { type: `multipart/form-data; boundary=${boundary}`, content }
}
