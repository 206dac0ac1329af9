import { useCallback, useMemo, useState } from 'react'
import type { Point, Size } from './mask'
import { fitted, moved, revealed, zoomed, type View } from './view'

/** How the picture is seen: as it fits, until somebody zooms or moves. */
export interface Seeing {
  view: View
  room: Size
  setRoom: (room: Size) => void
  fit: () => void
  /** `at` on the stage stays where it is; without it the middle does. */
  zoom: (factor: number, at?: Point) => void
  move: (by: Point) => void
  reveal: (point: Point) => void
}

export function useView(picture: Size): Seeing {
  const [room, setRoom] = useState<Size>({ width: 0, height: 0 })
  const [chosen, setChosen] = useState<View | null>(null)
  const whole = useMemo(() => fitted(picture, room), [picture, room])
  const change = useCallback((to: (view: View) => View) => setChosen((now) => to(now ?? whole)), [whole])
  return {
    view: chosen ?? whole,
    room,
    setRoom,
    fit: () => setChosen(null),
    zoom: (factor, at = { x: room.width / 2, y: room.height / 2 }) => change((view) => zoomed(view, factor, at, picture, room)),
    move: (by) => change((view) => moved(view, by, picture, room)),
    reveal: (point) => change((view) => revealed(view, point, picture, room)),
  }
}
