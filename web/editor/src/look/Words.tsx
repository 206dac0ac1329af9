import { isSpecial, pieceText } from './controls'

interface Props {
  words: string[]
  chosen: number | null
  onChoose: (place: number) => void
}

/** The pieces of a prompt in their order, to choose one by clicking it. */
export function Words({ words, chosen, onChoose }: Props) {
  return words.map((piece, place) => (
    <button
      key={place} type="button" className={`look-word${isSpecial(piece) ? ' soft' : ''}${piece.endsWith('</w>') ? ' look-ends' : ''}`}
      aria-pressed={chosen === place} onClick={() => onChoose(place)}
    >
      {pieceText(piece)} <sub>{place}</sub>
    </button>
  ))
}
