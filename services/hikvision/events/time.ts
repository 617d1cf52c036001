/** A time as a device wrote it. */
export interface DeviceTime {
  /** What its clock showed, as if that were UTC, in milliseconds since 1970. */
  readonly local: number
  /** Minutes east of UTC; undefined if it does not say. */
  readonly offset: number | undefined
  /** The offset is there, and whether east or west is not. */
  readonly isSignLost: boolean
}

export interface Instant {
  readonly at: Date
  /** Minutes east of UTC on the device's clock. */
  readonly offset: number
  /** The device did not say its zone, or not whole. */
  readonly isGuessed: boolean
}

const form =
  /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?\s*(?:(Z)|([+-])(\d{2}):?(\d{2})|(\d{2}):(\d{2})|:(\d{2}))?$/i

/**
 * Reads `2024-05-07T17:48:03.847+07:00`, without fraction, without zone, and what some firmware makes of it:
 * `…T11:47:1500:00` and `…T18:12:10:03` have lost the sign before the zone. Undefined for anything else.
 */
export function readTime(text: string, difference = ''): DeviceTime | undefined {
  const found = form.exec(text.trim())
  if (!found) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', utc, sign, hours, minutes] = found
  const [lostHours, lostMinutes, lostHour] = found.slice(12)
  const parts = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const local = Date.UTC(parts[0], parts[1] - 1, ...(parts.slice(2) as [number, number, number, number]))
  // Date.UTC turns the 31st of February into a day in March.
  const back = new Date(local)
  if (
    parts[0] < 1970 ||
    back.getUTCMonth() !== parts[1] - 1 ||
    back.getUTCDate() !== parts[2] ||
    parts[3] > 23
  )
    return undefined
  const moment = local + Math.trunc(Number(`0.${fraction || 0}`) * 1000)
  const lost = lostHours ?? lostHour
  const offset =
    utc !== undefined
      ? (readOffset(difference) ?? 0)
      : sign !== undefined
        ? (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
        : lost !== undefined
          ? Number(lost) * 60 + Number(lostMinutes ?? 0)
          : readOffset(difference)
  if (offset !== undefined && Math.abs(offset) > 14 * 60)
    return { local: moment, offset: undefined, isSignLost: false }
  return { local: moment, offset, isSignLost: lost !== undefined && offset !== 0 }
}

/** Minutes east of UTC of `+05:45`, `-3` or `CST-8:00:00`'s like; undefined for anything else. */
export function readOffset(text: string): number | undefined {
  const found = /^([+-])(\d{1,2})(?::?(\d{2}))?(?::\d{2})?$/.exec(text.trim())
  if (!found) return undefined
  const minutes = Number(found[2]) * 60 + Number(found[3] ?? 0)
  return minutes > 14 * 60 ? undefined : (found[1] === '-' ? -1 : 1) * minutes
}

/**
 * The instant of a device's time. Where the sign was lost it is the one that lies nearer to when the event arrived;
 * where the zone is missing it is `usual`, that of the device's other events or of the settings.
 */
export function instantOf(time: DeviceTime, arrived: number, usual: number): Instant {
  const { local, offset, isSignLost } = time
  if (offset === undefined) return { at: instant(local, usual), offset: usual, isGuessed: true }
  if (!isSignLost) return { at: instant(local, offset), offset, isGuessed: false }
  const distance = (minutes: number) => Math.abs(local - minutes * 60_000 - arrived)
  const nearer = distance(offset) <= distance(-offset) ? offset : -offset
  return { at: instant(local, nearer), offset: nearer, isGuessed: true }
}

// --- internal ---

function instant(local: number, offset: number): Date {
  return new Date(local - offset * 60_000)
}
