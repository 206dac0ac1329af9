/** How far two pictures are apart, pixel by pixel and colour by colour, times a gain; `mean` is without it, of 255. */
export function difference(one: Uint8ClampedArray, other: Uint8ClampedArray, gain: number): { pixels: Uint8ClampedArray<ArrayBuffer>; mean: number } {
  const pixels = new Uint8ClampedArray(one.length)
  let sum = 0
  for (let place = 0; place < one.length; place++) {
    if (place % 4 === 3) {
      pixels[place] = 255
      continue
    }
    const apart = Math.abs(one[place]! - other[place]!)
    sum += apart
    pixels[place] = apart * gain
  }
  return { pixels, mean: one.length ? sum / (one.length * 0.75) : 0 }
}
