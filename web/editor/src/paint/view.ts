import type { Point, Size } from './mask'

/** Where the picture is seen: its point p is at p × scale + (x, y) on the stage, in CSS pixels. */
export interface View extends Point {
  readonly scale: number
}

/** What a press of a button or key enlarges by. */
export const ZOOM = 1.5
const LARGEST = 64
/** So much of the picture stays on the stage. */
const HOLD = 48
/** Left free around a picture that is fitted. */
const MARGIN = 12

/** The whole picture, in the middle; small ones are enlarged by a whole number, so that their pixels are all alike. */
export function fitted(picture: Size, room: Size): View {
  const space = Math.min((room.width - 2 * MARGIN) / picture.width, (room.height - 2 * MARGIN) / picture.height)
  const scale = space >= 1 ? Math.min(LARGEST, Math.floor(space)) : Math.max(space, 1 / LARGEST)
  return { scale, x: Math.round((room.width - picture.width * scale) / 2), y: Math.round((room.height - picture.height * scale) / 2) }
}

/** Nearer or farther, with the point of the picture that is at `at` on the stage staying there. */
export function zoomed(view: View, factor: number, at: Point, picture: Size, room: Size): View {
  const scale = Math.min(LARGEST, Math.max(Math.min(1, fitted(picture, room).scale) / 2, view.scale * factor))
  const grown = scale / view.scale
  return held({ scale, x: at.x - (at.x - view.x) * grown, y: at.y - (at.y - view.y) * grown }, picture, room)
}

export function moved(view: View, by: Point, picture: Size, room: Size): View {
  return held({ scale: view.scale, x: view.x + by.x, y: view.y + by.y }, picture, room)
}

/** Moved as little as brings a point of the picture onto the stage. */
export function revealed(view: View, { x, y }: Point, picture: Size, room: Size): View {
  const short = (at: number, space: number) => Math.max(0, HOLD - at) + Math.min(0, space - HOLD - at)
  return moved(view, { x: short(x * view.scale + view.x, room.width), y: short(y * view.scale + view.y, room.height) }, picture, room)
}

function held({ scale, x, y }: View, picture: Size, room: Size): View {
  const within = (at: number, length: number, space: number) => Math.round(Math.max(HOLD - length, Math.min(space - HOLD, at)))
  return { scale, x: within(x, picture.width * scale, room.width), y: within(y, picture.height * scale, room.height) }
}

/** The point of the picture that is at a point of the stage. */
export const toPicture = (view: View, at: Point): Point => ({ x: (at.x - view.x) / view.scale, y: (at.y - view.y) / view.scale })
