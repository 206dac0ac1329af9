const SIDE = 8

/** Noise in the colours of the page, always the same for a name: what a picture is before it is one. */
export function Placeholder({ name }: { name: string }) {
  const next = noise(name)
  return (
    <svg className="files-placeholder" viewBox={`0 0 ${SIDE} ${SIDE}`} preserveAspectRatio="xMidYMid slice" aria-hidden="true">
      {Array.from({ length: SIDE * SIDE }, (_, i) => (
        <rect key={i} x={i % SIDE} y={Math.floor(i / SIDE)} width="1.02" height="1.02" opacity={(0.05 + 0.4 * next() ** 2).toFixed(2)} />
      ))}
    </svg>
  )
}

/** Numbers from 0 to 1 that depend on the name alone: FNV-1a, then xorshift32. */
function noise(name: string): () => number {
  let state = 2166136261
  for (const sign of name) state = Math.imul(state ^ (sign.codePointAt(0) ?? 0), 16777619)
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
