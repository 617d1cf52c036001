import { createServer } from 'node:net'

/** Listens on the ports that are named, and greets: `node listen-on.ts 80 443`. Says `ready` when it does. */

const ports = process.argv.slice(2).map(Number)
let open = 0
for (const port of ports)
  createServer((socket) => {
    socket.on('error', () => {})
    socket.write('hello')
  }).listen(port, '0.0.0.0', () => {
    open += 1
    if (open === ports.length) console.log('ready')
  })
