/** A mask as data: a byte a pixel, row after row; 255 = repaint freely, 0 = keep. */
export interface Mask {
  readonly width: number
  readonly height: number
  readonly values: Uint8Array<ArrayBuffer>
}

/** A place in the picture, in pixels; pixel 0 spans 0 … 1. */
export interface Point {
  readonly x: number
  readonly y: number
}

export interface Size {
  readonly width: number
  readonly height: number
}

/** Pixels `left` … `right - 1` of rows `top` … `bottom - 1`. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

export const WHITE = 255
export const BLACK = 0

/** No pixels: what `union` starts from. */
export const NOTHING: Box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity }

export const isEmpty = (box: Box) => box.left >= box.right || box.top >= box.bottom

/** The smallest box around both. */
export const union = (a: Box, b: Box): Box => ({
  left: Math.min(a.left, b.left),
  top: Math.min(a.top, b.top),
  right: Math.max(a.right, b.right),
  bottom: Math.max(a.bottom, b.bottom),
})

/** The part of a box that lies within a picture of this size. */
export function clipped(box: Box, { width, height }: Size): Box {
  const inside = {
    left: Math.max(0, box.left),
    top: Math.max(0, box.top),
    right: Math.min(width, box.right),
    bottom: Math.min(height, box.bottom),
  }
  return isEmpty(inside) ? NOTHING : inside
}

/** The box of all pixels. */
export const whole = ({ width, height }: Size): Box => ({ left: 0, top: 0, right: width, bottom: height })

export const blank = (width: number, height: number): Mask => ({ width, height, values: new Uint8Array(width * height) })

/** How much of the mask is white, 0 … 1; greys count in part. */
export function share({ values }: Mask): number {
  let sum = 0
  for (let at = 0; at < values.length; at++) sum += values[at]!
  return sum / values.length / WHITE
}

/**
 * The middle of a brush of this size (whole pixels) that is nearest to a point: the middle of a pixel for odd sizes, a
 * corner for even ones. So every stamp of a size has the same shape, and a brush of 1 paints the pixel under the point.
 */
export function middle({ x, y }: Point, size: number): Point {
  return size % 2 ? { x: Math.floor(x) + 0.5, y: Math.floor(y) + 0.5 } : { x: Math.round(x), y: Math.round(y) }
}

/** Set every pixel whose middle lies within a disc; tells the box that it touched. */
export function stamp(mask: Mask, at: Point, size: number, value: number): Box {
  const { x, y } = middle(at, size)
  const radius = size / 2
  const box = clipped({ left: x - radius, top: y - radius, right: x + radius, bottom: y + radius }, mask)
  for (let row = box.top; row < box.bottom; row++) {
    const half = Math.sqrt(radius ** 2 - (row + 0.5 - y) ** 2)
    const left = Math.max(box.left, Math.ceil(x - half - 0.5))
    const right = Math.min(box.right, Math.floor(x + half - 0.5) + 1)
    if (left < right) mask.values.fill(value, row * mask.width + left, row * mask.width + right)
  }
  return box
}

/**
 * Stamps along a line, both ends included. Stamps of radius r that are s apart leave notches s² / 8r deep: s is chosen
 * so that these are a tenth of a pixel, and is never more than a pixel for brushes so small that gaps could show.
 */
export function stroke(mask: Mask, from: Point, to: Point, size: number, value: number): Box {
  const step = Math.max(1, Math.sqrt(0.4 * size))
  const count = Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / step)
  let box = stamp(mask, to, size, value)
  for (let index = 0; index < count; index++) {
    const way = index / count
    box = union(box, stamp(mask, { x: from.x + (to.x - from.x) * way, y: from.y + (to.y - from.y) * way }, size, value))
  }
  return box
}

/** The pixels from one corner to the other, both included. */
export const between = (from: Point, to: Point): Box => ({
  left: Math.floor(Math.min(from.x, to.x)),
  top: Math.floor(Math.min(from.y, to.y)),
  right: Math.floor(Math.max(from.x, to.x)) + 1,
  bottom: Math.floor(Math.max(from.y, to.y)) + 1,
})

/** Set every pixel of the box. */
export function fill(mask: Mask, box: Box, value: number): Box {
  const inside = clipped(box, mask)
  for (let row = inside.top; row < inside.bottom; row++) {
    mask.values.fill(value, row * mask.width + inside.left, row * mask.width + inside.right)
  }
  return inside
}

/** White becomes black, black white. */
export function invert(mask: Mask): Box {
  const { values } = mask
  for (let at = 0; at < values.length; at++) values[at] = WHITE - values[at]!
  return whole(mask)
}
