/** Whether the metadata of a picture tells where it was taken: in Exif, or in XMP. */
export function hasLocation({ exif, xmp }: { exif?: Buffer; xmp?: Buffer }): boolean {
  return (
    (exif !== undefined && hasGpsDirectory(exif)) ||
    (xmp !== undefined && /GPSL(at|ong)itude/.test(xmp.toString('latin1')))
  )
}

// --- internal ---

/** The tag of the first directory that leads to another one with the position (Exif 2.32, section 4.6.3). */
const gpsDirectory = 0x8825

/** Reads the first directory of the TIFF structure that Exif is. What does not fit is no directory. */
function hasGpsDirectory(exif: Buffer): boolean {
  const tiff = exif.subarray(exif.toString('latin1', 0, 6) === 'Exif\0\0' ? 6 : 0)
  const order = tiff.toString('latin1', 0, 2)
  if (order !== 'II' && order !== 'MM') return false
  const at16 = (at: number) => (order === 'II' ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at))
  const at32 = (at: number) => (order === 'II' ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at))
  try {
    const directory = at32(4)
    const entries = at16(directory)
    for (let entry = 0; entry < entries; entry++)
      if (at16(directory + 2 + entry * 12) === gpsDirectory) return true
  } catch {
    // Beyond the end of what is there.
  }
  return false
}
