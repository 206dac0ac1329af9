import type { Mask } from './mask'

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
const GREY = 0
const UP = 2

/**
 * The mask as a PNG of eight bits of grey, value for value. Written here and not by a canvas: some browsers blur what
 * is read from a canvas against fingerprinting, and a canvas would take four times the memory. (PNG, third edition, W3C.)
 */
export async function png(mask: Mask): Promise<Blob> {
  const head = new Uint8Array(13)
  const view = new DataView(head.buffer)
  view.setUint32(0, mask.width)
  view.setUint32(4, mask.height)
  head.set([8, GREY, 0, 0, 0], 8) // bits, colour; deflate, filters of rows, no interlace
  const packed = new Blob([filtered(mask)]).stream().pipeThrough(new CompressionStream('deflate'))
  const data = new Uint8Array(await new Response(packed).arrayBuffer())
  return new Blob([SIGNATURE, chunk('IHDR', head), chunk('IDAT', data), chunk('IEND', new Uint8Array())], { type: 'image/png' })
}

/** Each row as its difference from the one above, modulo 256: masks are mostly alike from row to row. */
function filtered({ width, height, values }: Mask): Uint8Array<ArrayBuffer> {
  const rows = new Uint8Array((width + 1) * height)
  for (let row = 0; row < height; row++) {
    const start = row * (width + 1)
    rows[start] = UP
    for (let x = 0; x < width; x++) rows[start + 1 + x] = values[row * width + x]! - (row ? values[(row - 1) * width + x]! : 0)
  }
  return rows
}

function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12 + data.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, data.length)
  bytes.set(new TextEncoder().encode(type), 4)
  bytes.set(data, 8)
  view.setUint32(8 + data.length, crc(bytes.subarray(4, 8 + data.length)))
  return bytes
}

/** CRC-32 of every byte. */
const REMAINDERS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? 0xedb88320 ^ (remainder >>> 1) : remainder >>> 1
  return remainder
})

function crc(bytes: Uint8Array): number {
  let sum = 0xffffffff
  for (const byte of bytes) sum = REMAINDERS[(sum ^ byte) & 255]! ^ (sum >>> 8)
  return ~sum >>> 0
}

/** Pixels of a canvas (RGBA) as mask values: their brightness, weighed and rounded as the server does; grey stays as it is. */
export function brightness(pixels: Uint8ClampedArray, into: Uint8Array, start: number) {
  for (let at = 0, write = start; at < pixels.length; at += 4, write++) {
    into[write] = (pixels[at]! * 19595 + pixels[at + 1]! * 38470 + pixels[at + 2]! * 7471 + 0x8000) >> 16
  }
}
