/** A width and a height: of a picture in its pixels, of a frame in those of the page. */
export interface Size {
  width: number
  height: number
}

/** Where a picture lies in its frame: its corner, and how many pixels of the page one of its own takes. */
export interface Zoom {
  scale: number
  x: number
  y: number
}

const GREATEST = 64
/** Small pictures are enlarged up to about this many pixels. */
const ENOUGH = 768

/** As large as the frame lets it be; enlarged only by whole factors, so that all pixels are equal. */
export function fitted(size: Size, frame: Size): Zoom {
  const room = Math.min(frame.width / size.width, frame.height / size.height)
  const scale = room < 1 ? room : Math.max(1, Math.floor(Math.min(room, ENOUGH / Math.max(size.width, size.height))))
  return settled({ scale, x: 0, y: 0 }, size, frame)
}

/** In the middle where it is smaller than its frame, else covering it. */
export function settled({ scale, x, y }: Zoom, size: Size, frame: Size): Zoom {
  const place = (at: number, room: number) => (room > 0 ? room / 2 : Math.min(0, Math.max(room, at)))
  return { scale, x: place(x, frame.width - size.width * scale), y: place(y, frame.height - size.height * scale) }
}

/** Larger or smaller by a factor, where what is under a point stays there. */
export function zoomed(zoom: Zoom, factor: number, at: { x: number; y: number }, size: Size, frame: Size): Zoom {
  const least = Math.min(1, fitted(size, frame).scale)
  const scale = Math.min(GREATEST, Math.max(least, zoom.scale * factor))
  const grown = scale / zoom.scale
  return settled({ scale, x: at.x - (at.x - zoom.x) * grown, y: at.y - (at.y - zoom.y) * grown }, size, frame)
}
