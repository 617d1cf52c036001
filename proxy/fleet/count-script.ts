/**
 * Counts more hits of one key in a window that began with the first of them. Answers the hits of the whole fleet and
 * the milliseconds that are left of the window.
 *
 * `known` is what the caller knows to have been counted in this window. A Redis that came back empty, or with less
 * than it had (a replica that had not heard the last of it, an old file), goes on from there.
 */
export const countScript = `
local left = redis.call('PTTL', KEYS[1])
local hits = 0
if left > 0 then hits = tonumber(redis.call('GET', KEYS[1])) or 0 else left = tonumber(ARGV[2]) end
local known = tonumber(ARGV[3])
if hits < known then hits = known end
hits = hits + tonumber(ARGV[1])
redis.call('SET', KEYS[1], hits, 'PX', left)
return {hits, left}
`
