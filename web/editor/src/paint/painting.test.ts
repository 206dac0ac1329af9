import { describe, expect, it } from 'vitest'
import { blank, fill, invert, NOTHING, stamp, whole, WHITE, type Box } from './mask'
import { Painting } from './painting'
import { pack, unpack } from './runs'
import { feather } from './soften'

/** Numbers that look random and are the same every time. */
function* noise(seed = 1) {
  for (let state = seed; ; ) yield (state = (state * 48271) % 2147483647)
}

const same = (a: Uint8Array, b: Uint8Array) => a.every((value, at) => value === b[at])

describe('runs', () => {
  it.each([
    ['nothing', []],
    ['repeats', [...Array(1000).fill(0), ...Array(300).fill(255)]],
    ['no repeats', Array.from({ length: 700 }, (_, at) => (at * 7) % 256)],
    ['short repeats', [1, 1, 1, 2, 2, 2, 2, 3, 4, 4, 4, 4, 4, 5]],
  ])('of %s come back', (_, bytes: number[]) => {
    const packed = pack(Uint8Array.from(bytes))
    expect([...unpack(packed, bytes.length)]).toEqual(bytes)
    expect(packed.length).toBeLessThanOrEqual(bytes.length + 6)
  })

  it('of few values come back, and a flat mask takes a few bytes', () => {
    const numbers = noise()
    const bytes = Uint8Array.from({ length: 20000 }, () => (numbers.next().value! % 10 > 1 ? 0 : 255))
    expect(unpack(pack(bytes), bytes.length)).toEqual(bytes)
    expect(pack(new Uint8Array(4096 * 4096)).length).toBeLessThan(8)
  })
})

describe('painting', () => {
  it('goes back and forth through many steps, byte for byte', () => {
    const painting = new Painting(blank(61, 47))
    const numbers = noise(7)
    const next = (below: number) => numbers.next().value! % below
    const states = [painting.mask.values.slice()]
    while (states.length <= 80) {
      const last = states.at(-1)!
      painting.draw((mask) => {
        if (next(8) === 0) return invert(mask)
        if (next(8) === 1) return feather(mask, 1 + next(9))
        return stamp(mask, { x: next(70), y: next(50) }, 1 + next(30), next(2) * WHITE)
      })
      painting.keep()
      if (!same(painting.mask.values, last)) states.push(painting.mask.values.slice())
    }
    for (let at = states.length - 2; at >= 0; at--) {
      painting.undo()
      expect(same(painting.mask.values, states[at]!)).toBe(true)
    }
    expect([painting.canUndo, painting.canRedo, painting.changed]).toEqual([false, true, false])
    for (const state of states.slice(1)) {
      painting.redo()
      expect(same(painting.mask.values, state)).toBe(true)
    }
    expect(painting.canRedo).toBe(false)
  })

  it('takes a stroke back as a whole, and drops one that is not ended', () => {
    const painting = new Painting(blank(9, 9))
    painting.draw((mask) => stamp(mask, { x: 2, y: 2 }, 3, WHITE))
    painting.draw((mask) => stamp(mask, { x: 6, y: 6 }, 3, WHITE))
    painting.keep()
    const kept = painting.mask.values.slice()
    painting.draw((mask) => fill(mask, whole(mask), WHITE))
    painting.undo() // in the middle of a stroke: only that goes
    expect(painting.mask.values).toEqual(kept)
    painting.undo()
    expect(painting.mask.values.some(Boolean)).toBe(false)
  })

  it('keeps no step that changed nothing, and forgets what was undone when another begins', () => {
    const painting = new Painting(blank(9, 9))
    painting.draw((mask) => fill(mask, whole(mask), 0))
    painting.keep()
    expect([painting.canUndo, painting.version]).toEqual([false, 0])
    painting.draw(invert)
    painting.keep()
    painting.undo()
    painting.draw((mask) => stamp(mask, { x: 1, y: 1 }, 1, WHITE))
    painting.keep()
    expect(painting.canRedo).toBe(false)
  })

  it('forgets the oldest steps when there is no room, and knows that it changed', () => {
    const painting = new Painting(blank(64, 64), 40)
    for (let at = 0; at < 60; at++) {
      painting.draw((mask) => stamp(mask, { x: at, y: at }, 9, WHITE))
      painting.keep()
    }
    while (painting.canUndo) painting.undo()
    expect(painting.mask.values[0]).toBe(WHITE)
    expect(painting.changed).toBe(true)
  })

  it('tells of every box that changes', () => {
    const painting = new Painting(blank(9, 9))
    const boxes: Box[] = []
    const end = painting.listen((box) => boxes.push(box))
    const box = { left: 1, top: 2, right: 4, bottom: 5 }
    painting.draw((mask) => fill(mask, box, WHITE))
    painting.keep()
    painting.undo()
    end()
    painting.redo()
    expect(boxes).toEqual([box, NOTHING, box])
  })
})
