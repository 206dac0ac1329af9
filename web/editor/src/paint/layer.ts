import { clipped, isEmpty, whole, type Box, type Mask } from './mask'
import type { View } from './view'

/** Pixels written at once. */
const PIXELS = 2 ** 20

/** The mask as a canvas of its own size: white, as opaque as the mask is white. */
export class Layer {
  private readonly canvas: OffscreenCanvas
  private readonly context: OffscreenCanvasRenderingContext2D

  constructor(private readonly mask: Mask) {
    this.canvas = new OffscreenCanvas(mask.width, mask.height)
    this.context = this.canvas.getContext('2d')!
    this.update(whole(mask))
  }

  /** Take over the values of a box. */
  update(box: Box) {
    const { values, width } = this.mask
    const across = box.right - box.left
    const rows = Math.max(1, Math.floor(PIXELS / across))
    for (let top = box.top; top < box.bottom; top += rows) {
      const pixels = this.context.createImageData(across, Math.min(rows, box.bottom - top))
      pixels.data.fill(255)
      for (let row = 0, write = 3; row < pixels.height; row++) {
        for (let read = (top + row) * width + box.left, end = read + across; read < end; read++, write += 4) pixels.data[write] = values[read]!
      }
      this.context.putImageData(pixels, box.left, top)
    }
  }

  /** Draw a box of the mask as it is seen: in `ink` over the picture, or white on black where `ink` is null. */
  show(target: CanvasRenderingContext2D, view: View, ink: CanvasPattern | null, box: Box) {
    const { scale, x, y } = view
    // A pixel more on all sides, here and on the screen: smoothing takes in the neighbours.
    const edge = Math.ceil(2 / scale)
    const part = clipped({ left: box.left - edge, top: box.top - edge, right: box.right + edge, bottom: box.bottom + edge }, this.mask)
    const left = Math.floor(box.left * scale + x) - 1
    const top = Math.floor(box.top * scale + y) - 1
    const seen = clipped(
      { left, top, right: Math.ceil(box.right * scale + x) + 1, bottom: Math.ceil(box.bottom * scale + y) + 1 }, target.canvas,
    )
    if (isEmpty(part) || isEmpty(seen)) return
    target.save()
    target.beginPath()
    target.rect(seen.left, seen.top, seen.right - seen.left, seen.bottom - seen.top)
    target.clip()
    target.clearRect(0, 0, target.canvas.width, target.canvas.height)
    if (!ink) target.fillRect(x, y, this.mask.width * scale, this.mask.height * scale)
    target.imageSmoothingEnabled = scale < 1
    const [width, height] = [part.right - part.left, part.bottom - part.top]
    target.drawImage(
      this.canvas, part.left, part.top, width, height, part.left * scale + x, part.top * scale + y, width * scale, height * scale,
    )
    if (ink) {
      target.globalCompositeOperation = 'source-in'
      target.fillStyle = ink
      target.fillRect(0, 0, target.canvas.width, target.canvas.height)
    }
    target.restore()
  }
}

/** Slanting stripes of two colours, one light and one dark: one of them shows on any picture. `side`: from one to the next. */
export function stripes(side: number, colour: string, other: string): CanvasPattern {
  const tile = new OffscreenCanvas(side, side)
  const context = tile.getContext('2d')!
  context.fillStyle = colour
  context.fillRect(0, 0, side, side)
  context.strokeStyle = other
  context.lineWidth = side / 5
  for (const shift of [-side, 0, side]) {
    context.moveTo(shift - side, 2 * side)
    context.lineTo(shift + 2 * side, -side)
  }
  context.stroke()
  return context.createPattern(tile, 'repeat')!
}
