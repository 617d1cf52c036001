// The desktop may lie below any path, and noVNC counts the path of its WebSocket from the root of the host.
const here = new URL('.', location.href).pathname.slice(1)
location.replace(`vnc.html?autoconnect=true&reconnect=true&resize=remote&path=${here}websockify`)
