import { useEffect, useRef, type CSSProperties, type ReactNode } from 'react'
import { sourceAddress, type Source } from './address'
import { rangeOf, sliceOf, type Grid } from './grid'
import { PictureLayer, usePicture } from './PictureLayer'
import { ZoomFrame } from './ZoomFrame'

interface Props {
  /** Numbers by row and column, over the whole of the picture. */
  grid: Grid
  over: Source
  title: string
  height: 'content' | 'fill'
  actions: ReactNode
}

/** A picture that is bright where numbers are large, and dark where they are small. */
export function Spotlight({ grid, over, title, height, actions }: Props) {
  const address = sourceAddress(over)
  const { size, events } = usePicture(address)
  return (
    <ZoomFrame size={size} title={title} height={height} actions={actions}>
      {(place) => (
        <>
          <PictureLayer address={address} title={title} place={place} events={events} />
          <Shade grid={grid} place={place} />
        </>
      )}
    </ZoomFrame>
  )
}

const DARKEST = 225

function Shade({ grid, place }: { grid: Grid; place: CSSProperties }) {
  const ref = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    const rows = sliceOf(grid, [])
    const [width, height] = [rows[0]?.length ?? 0, rows.length]
    const context = ref.current?.getContext('2d')
    if (!ref.current || !context || !width) return
    Object.assign(ref.current, { width, height })
    const [low, high] = rangeOf(rows.flat())
    const shade = context.createImageData(width, height)
    rows.flat().forEach((number, place) => {
      shade.data[4 * place + 3] = DARKEST * (1 - ((number ?? low) - low) / (high - low || 1))
    })
    context.putImageData(shade, 0, 0)
  }, [grid])
  return <canvas ref={ref} className="look-layer" style={{ ...place, imageRendering: 'auto' }} aria-hidden="true" />
}

/** Whether numbers are places of a picture. */
export const isMap = (grid: Grid | null): grid is Grid => grid?.axes.map(({ name }) => name).join() === 'row,column'
