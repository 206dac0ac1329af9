import { useMemo } from 'react'
import { graph, useEditor } from '../state/document'
import type { Path } from '../workflow/types'

/** Which inputs of a node are linked, and which of its outputs are read. */
export function useInputsLinked(path: Path): { linked: ReadonlySet<string>; outputs: string[] } {
  const text = useEditor(() => {
    const { into, from } = ends().get(path) ?? { into: [], from: [] }
    return JSON.stringify([into, from])
  })
  return useMemo(() => {
    const [into, from] = JSON.parse(text) as [string[], string[]]
    return { linked: new Set(into), outputs: from }
  }, [text])
}

let known: { of: unknown; ends: Map<Path, { into: string[]; from: string[] }> } | undefined

function ends() {
  const present = graph()
  if (known?.of !== present) {
    const found = new Map<Path, { into: string[]; from: string[] }>()
    const at = (path: Path) => found.get(path) ?? found.set(path, { into: [], from: [] }).get(path)!
    for (const wire of present.wires) {
      at(wire.to).into.push(wire.input.slice('in:'.length))
      const { from } = at(wire.from)
      const name = wire.output.slice('out:'.length)
      if (!from.includes(name)) from.push(name)
    }
    known = { of: present, ends: found }
  }
  return known.ends
}
