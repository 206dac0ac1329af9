import { blank, type Mask } from './mask'
import { brightness } from './png'

/** Rows read at once: pixels of a canvas take four bytes, and a large picture has many. */
const ROWS = 256

/** The picture, turned as its Exif data say; throws if it cannot be shown. */
export async function loadPicture(address: string): Promise<HTMLImageElement> {
  const picture = new Image()
  picture.src = address
  await picture.decode()
  if (!picture.naturalWidth) throw new Error(address)
  return picture
}

/** A mask from its file, value for value where it has the size asked for, else scaled; throws if it cannot be read. */
export async function loadMask(address: string, width: number, height: number): Promise<Mask> {
  const picture = await loadPicture(address)
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!
  context.imageSmoothingEnabled = false
  context.fillStyle = '#fff' // what is transparent counts as white, as on the server
  context.fillRect(0, 0, width, height)
  context.drawImage(await createImageBitmap(picture, { colorSpaceConversion: 'none' }), 0, 0, width, height)
  const mask = blank(width, height)
  for (let row = 0; row < height; row += ROWS) {
    brightness(context.getImageData(0, row, width, Math.min(ROWS, height - row)).data, mask.values, row * width)
  }
  return mask
}
