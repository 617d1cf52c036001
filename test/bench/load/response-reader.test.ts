import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createResponseReader } from './response-reader.ts'

const response = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'

test('a response is whole at its last byte, however it was cut', () => {
  for (let cut = 1; cut < response.length; cut++) {
    const reader = createResponseReader()
    assert.equal(reader.read(Buffer.from(response.slice(0, cut))), undefined)
    const whole = reader.read(Buffer.from(response.slice(cut)))
    assert.equal(whole?.status, 200)
    assert.equal(whole?.body.toString(), 'hello')
  }
})

test('a second response on the same connection is read on its own', () => {
  const reader = createResponseReader()
  reader.read(Buffer.from(response))
  const second = reader.read(Buffer.from('HTTP/1.1 503 Away\r\ncontent-length:2\r\n\r\nno'))
  assert.equal(second?.status, 503)
  assert.equal(second?.body.toString(), 'no')
})

test('what no count can be made of is an error', () => {
  const read = (text: string) => () => createResponseReader().read(Buffer.from(text))
  assert.throws(read('HTTP/1.1 200 OK\r\n\r\n'), /without a length/)
  assert.throws(read(`${response}!`), /1 bytes too many/)
})
