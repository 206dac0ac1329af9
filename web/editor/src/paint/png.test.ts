import { expect, it } from 'vitest'
import type { Mask } from './mask'
import { brightness, png } from './png'

/** A PNG's chunks as they follow each other. */
function chunks(file: Uint8Array<ArrayBuffer>) {
  const view = new DataView(file.buffer)
  const found: { type: string; data: Uint8Array<ArrayBuffer>; sum: number; checked: Uint8Array }[] = []
  for (let at = 8; at < file.length; ) {
    const end = at + 8 + view.getUint32(at)
    const type = new TextDecoder().decode(file.subarray(at + 4, at + 8))
    found.push({ type, data: file.slice(at + 8, end), sum: view.getUint32(end), checked: file.subarray(at + 4, end) })
    at = end + 4
  }
  return found
}

/** CRC-32 a bit at a time. */
function slowSum(bytes: Uint8Array): number {
  let sum = 0xffffffff
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ ((sum ^ (byte >> bit)) & 1 ? 0xedb88320 : 0)
  }
  return ~sum >>> 0
}

it('holds every value of the mask', async () => {
  const mask: Mask = { width: 37, height: 23, values: Uint8Array.from({ length: 37 * 23 }, (_, at) => (at * 89) % 256) }
  const blob = await png(mask)
  expect(blob.type).toBe('image/png')
  const [head, data, end] = chunks(new Uint8Array(await blob.arrayBuffer()))
  expect([head!.type, data!.type, end!.type]).toEqual(['IHDR', 'IDAT', 'IEND'])
  expect([head!.sum, data!.sum, end!.sum]).toEqual([slowSum(head!.checked), slowSum(data!.checked), 0xae426082])
  expect([...head!.data]).toEqual([0, 0, 0, 37, 0, 0, 0, 23, 8, 0, 0, 0, 0])
  const unpacked = new Blob([data!.data]).stream().pipeThrough(new DecompressionStream('deflate'))
  const rows = new Uint8Array(await new Response(unpacked).arrayBuffer())
  const values = new Uint8Array(mask.values.length)
  for (let row = 0; row < 23; row++) {
    expect(rows[row * 38]).toBe(2)
    for (let x = 0; x < 37; x++) values[row * 37 + x] = rows[row * 38 + 1 + x]! + (row ? values[(row - 1) * 37 + x]! : 0)
  }
  expect(values).toEqual(mask.values)
})

it('grey pixels are read as they are, colours by their brightness', () => {
  const greys = Uint8ClampedArray.from({ length: 1024 }, (_, at) => (at % 4 === 3 ? 255 : Math.floor(at / 4)))
  const values = new Uint8Array(258)
  brightness(greys, values, 1)
  expect([...values.subarray(1, 257)]).toEqual(Array.from({ length: 256 }, (_, value) => value))
  brightness(Uint8ClampedArray.of(255, 0, 0, 255), values, 0)
  expect(values[0]).toBe(76)
})
