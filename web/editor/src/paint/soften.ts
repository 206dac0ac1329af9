import { blank, clipped, invert, NOTHING, union, type Box, type Mask } from './mask'

/** Lines averaged side by side, so that what is written transposed lies together in memory. */
const BESIDE = 8

/**
 * Blur the mask: three running means, which together come close to a Gaussian. No pixel farther than `reach` from an
 * edge changes. Beyond the picture its outermost pixels go on.
 */
export const feather = (mask: Mask, reach: number) => where(mask, reach, blur)

/** Each pixel becomes the whitest within a disc x² + y² ≤ reach² around it: what the node `grow_mask` does. */
export const grow = (mask: Mask, reach: number) => where(mask, reach, dilate)

/** The white becomes smaller on all sides, but not where it reaches the edge of the picture. */
export function shrink(mask: Mask, reach: number): Box {
  invert(mask)
  grow(mask, reach)
  return invert(mask)
}

/**
 * Change only the part that can: around all pixels that differ from the first, with so many pixels to spare. Beyond it
 * the mask is of one value, as at the part's own edges, so that the change need not know that it is a part.
 */
function where(mask: Mask, reach: number, change: (part: Mask, reach: number) => void): Box {
  const { left, top, right, bottom } = different(mask)
  const box = clipped({ left: left - reach, top: top - reach, right: right + reach, bottom: bottom + reach }, mask)
  if (box === NOTHING) return box
  const part = blank(box.right - box.left, box.bottom - box.top)
  const rows = Array.from({ length: part.height }, (_, row) => [row * part.width, (box.top + row) * mask.width + box.left] as const)
  for (const [inside, start] of rows) part.values.set(mask.values.subarray(start, start + part.width), inside)
  change(part, reach)
  for (const [inside, start] of rows) mask.values.set(part.values.subarray(inside, inside + part.width), start)
  return box
}

/** The box of all pixels that are not as the first. */
function different({ width, height, values }: Mask): Box {
  let box = NOTHING
  const other = (value: number) => value !== values[0]
  for (let row = 0; row < height; row++) {
    const line = values.subarray(row * width, (row + 1) * width)
    const left = line.findIndex(other)
    if (left >= 0) box = union(box, { left, top: row, right: line.findLastIndex(other) + 1, bottom: row + 1 })
  }
  return box
}

function blur({ width, height, values }: Mask, reach: number) {
  // 8 bits behind the point, so that six passes do not add up their roundings.
  let source = new Uint16Array(values.length)
  let target = new Uint16Array(values.length)
  for (let at = 0; at < values.length; at++) source[at] = values[at]! << 8
  for (const part of [2, 1, 0].map((left) => Math.floor((reach + left) / 3)).filter(Boolean)) {
    for (const [length, lines] of [[width, height], [height, width]] as const) {
      average(source, target, length, lines, part)
      ;[source, target] = [target, source]
    }
  }
  for (let at = 0; at < values.length; at++) values[at] = (source[at]! + 128) >> 8
}

/** Mean over `reach` neighbours on both sides along each line, written transposed: the next call goes along the other axis. */
function average(source: Uint16Array, target: Uint16Array, length: number, lines: number, reach: number) {
  const scale = 1 / (2 * reach + 1)
  const sums = new Int32Array(BESIDE)
  for (let block = 0; block < lines; block += BESIDE) {
    const beside = Math.min(BESIDE, lines - block)
    for (let line = 0; line < beside; line++) {
      const first = (block + line) * length
      sums[line] = source[first]! * (reach + 1)
      for (let at = 1; at <= reach; at++) sums[line]! += source[first + Math.min(at, length - 1)]!
    }
    for (let at = 0; at < length; at++) {
      const enters = Math.min(at + reach + 1, length - 1)
      const leaves = Math.max(at - reach, 0)
      for (let line = 0, first = block * length; line < beside; line++, first += length) {
        target[at * lines + block + line] = sums[line]! * scale + 0.5
        sums[line]! += source[first + enters]! - source[first + leaves]!
      }
    }
  }
}

function dilate({ width, height, values }: Mask, reach: number) {
  const source = values.slice()
  const widest = values.slice()
  let wide = 0
  // The disc's rows widen towards its middle, so that each running maximum extends the last.
  for (let rows = reach; rows >= 0; rows--) {
    const half = Math.floor(Math.sqrt(reach ** 2 - rows ** 2))
    while (wide < half) widen(widest, source, width, ++wide)
    for (let at = 0, below = rows * width; below < height * width; at++, below++) {
      if (widest[below]! > values[at]!) values[at] = widest[below]!
      if (widest[at]! > values[below]!) values[below] = widest[at]!
    }
  }
}

/** Take in the pixels that are `step` to the left and to the right in the same row. */
function widen(widest: Uint8Array, source: Uint8Array, width: number, step: number) {
  for (let start = 0; start < source.length; start += width) {
    for (let at = start, other = start + step; other < start + width; at++, other++) {
      if (source[other]! > widest[at]!) widest[at] = source[other]!
      if (source[at]! > widest[other]!) widest[other] = source[at]!
    }
  }
}
