/** Shorter repeats cost more as a run of their own than within a literal one. */
const WORTH = 4

/**
 * Bytes with their repeats packed. Each run is a number n = 2 × length + kind in seven bits a byte, lowest first, then
 * one byte that repeats (kind 0) or `length` bytes as they are (kind 1). Never longer than the bytes by more than six.
 */
export function pack(bytes: Uint8Array): Uint8Array {
  const packed = new Uint8Array(bytes.length + 6)
  let end = 0
  const number = (value: number) => {
    for (; value > 127; value = Math.floor(value / 128)) packed[end++] = (value % 128) + 128
    packed[end++] = value
  }
  let literal = 0
  const flush = (to: number) => {
    if (to === literal) return
    number((to - literal) * 2 + 1)
    packed.set(bytes.subarray(literal, to), end)
    end += to - literal
  }
  for (let at = 0; at < bytes.length; ) {
    let next = at + 1
    while (next < bytes.length && bytes[next] === bytes[at]) next++
    if (next - at >= WORTH) {
      flush(at)
      number((next - at) * 2)
      packed[end++] = bytes[at]!
      literal = next
    }
    at = next
  }
  flush(bytes.length)
  return packed.slice(0, end)
}

/** What `pack` was given: `length` bytes. */
export function unpack(packed: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let read = 0
  for (let at = 0; at < length; ) {
    let number = 0
    let scale = 1
    for (let more = true; more; scale *= 128) {
      const byte = packed[read++]!
      number += (byte % 128) * scale
      more = byte > 127
    }
    const run = Math.floor(number / 2)
    if (number % 2) bytes.set(packed.subarray(read, read + run), at)
    else bytes.fill(packed[read]!, at, at + run)
    read += number % 2 ? run : 1
    at += run
  }
  return bytes
}
