import { isEmpty, NOTHING, union, type Box, type Mask } from './mask'
import { pack, unpack } from './runs'

/** What changed in a box, as old XOR new and packed: laid on the mask, the same bytes undo it and do it again. */
interface Step {
  readonly box: Box
  readonly change: Uint8Array
}

/** What all steps together may take; the oldest are forgotten first. A stroke takes some hundred bytes. */
const ROOM = 128 * 2 ** 20

/** A mask that is being painted, with what can be undone. Nothing else may change the mask. */
export class Painting {
  /** Grows with every step kept, undone or done again. */
  version = 0
  private readonly before: Uint8Array
  private fresh = NOTHING
  private done: Step[] = []
  private undone: Step[] = []
  private forgotten = false
  private readonly listeners = new Set<(box: Box) => void>()

  constructor(
    readonly mask: Mask,
    private readonly room = ROOM,
  ) {
    this.before = mask.values.slice()
  }

  get canUndo() {
    return this.done.length > 0
  }

  get canRedo() {
    return this.undone.length > 0
  }

  /** Whether the mask is another than the one it began with, as far as the steps can tell. */
  get changed() {
    return this.forgotten || this.canUndo
  }

  /** Hear of every box that changes, drawn or undone; the answer ends it. */
  listen = (listener: (box: Box) => void) => {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  /** Change the mask, as part of a step that `keep` ends. `change` tells the box that it touched. */
  draw(change: (mask: Mask) => Box) {
    const box = change(this.mask)
    if (isEmpty(box)) return
    this.fresh = union(this.fresh, box)
    this.tell(box)
  }

  /** End the step: what was drawn since the last one can be undone as a whole. A step that changed nothing is none. */
  keep() {
    const box = this.fresh
    this.fresh = NOTHING
    if (isEmpty(box)) return
    const difference = this.difference(box)
    if (difference.every((byte) => byte === 0)) return
    this.done.push({ box, change: pack(difference) })
    this.undone = []
    this.copy(box, this.mask.values, this.before)
    let bytes = this.done.reduce((sum, step) => sum + step.change.length, 0)
    while (bytes > this.room) {
      bytes -= this.done.shift()!.change.length
      this.forgotten = true
    }
    this.version++
    this.tell(NOTHING)
  }

  /** Take back what was drawn since the last step. */
  drop() {
    const box = this.fresh
    this.fresh = NOTHING
    if (isEmpty(box)) return
    this.copy(box, this.before, this.mask.values)
    this.tell(box)
  }

  undo() {
    this.lay(this.done, this.undone)
  }

  redo() {
    this.lay(this.undone, this.done)
  }

  private lay(from: Step[], to: Step[]) {
    if (!isEmpty(this.fresh)) return this.drop()
    const step = from.pop()
    if (!step) return
    const { box, change } = step
    const bytes = unpack(change, (box.right - box.left) * (box.bottom - box.top))
    let read = 0
    for (let row = box.top; row < box.bottom; row++) {
      for (let at = row * this.mask.width + box.left; at < row * this.mask.width + box.right; at++) this.mask.values[at]! ^= bytes[read++]!
    }
    this.copy(box, this.mask.values, this.before)
    to.push(step)
    this.version++
    this.tell(box)
  }

  private difference(box: Box): Uint8Array {
    const bytes = new Uint8Array((box.right - box.left) * (box.bottom - box.top))
    let write = 0
    for (let row = box.top; row < box.bottom; row++) {
      for (let at = row * this.mask.width + box.left; at < row * this.mask.width + box.right; at++) {
        bytes[write++] = this.before[at]! ^ this.mask.values[at]!
      }
    }
    return bytes
  }

  private copy(box: Box, from: Uint8Array, to: Uint8Array) {
    for (let row = box.top; row < box.bottom; row++) {
      const start = row * this.mask.width
      to.set(from.subarray(start + box.left, start + box.right), start + box.left)
    }
  }

  private tell(box: Box) {
    for (const listener of this.listeners) listener(box)
  }
}
