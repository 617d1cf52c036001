import express, { type RequestHandler } from 'express'
import { Problem } from '../../shared/problem.ts'

/** Bytes of one body: a picture of 6 MB in base64. */
const mostBytes = 8 << 20
/** Bytes of bodies that are on their way at one time, of all and of one address. */
const [mostInAll, mostOfOne] = [128 << 20, 32 << 20]
/** Milliseconds for a body to come. */
const patience = 30_000

/**
 * Reads a JSON body with a picture in it. It is held until it is whole, and anybody may send one: so there is a bound for
 * all that are on their way, of which one address has a quarter, and for how long each may take.
 */
export function readPictureBody(): RequestHandler {
  const read = express.json({ limit: mostBytes })
  const held = new Map<string, number>()
  let inAll = 0

  return (request, response, next) => {
    const { ip = '' } = request
    const size = Math.min(Number(request.get('content-length') ?? mostBytes), mostBytes)
    const own = held.get(ip) ?? 0
    if (inAll + size > mostInAll || own + size > mostOfOne)
      throw new Problem(503, 'Too many pictures come at once', { headers: { 'Retry-After': '1' } })
    inAll += size
    held.set(ip, own + size)
    const late = setTimeout(() => request.destroy(), patience)
    let isHeld = true
    const giveBack = () => {
      if (!isHeld) return
      isHeld = false
      clearTimeout(late)
      inAll -= size
      const left = (held.get(ip) ?? 0) - size
      if (left > 0) held.set(ip, left)
      else held.delete(ip)
    }
    response.once('close', giveBack)
    read(request, response, (error) => {
      giveBack()
      next(error)
    })
  }
}
