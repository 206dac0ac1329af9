"""From words to vectors: the tokenizer cuts a prompt into 77 tokens, CLIP's text encoder turns each into a vector.

The way goes in two strides, because the space between is worth a visit: `embed` looks each token up in a table of
vectors (there cat and kitten can be mixed, and there textual inversion, arXiv 2208.01618, puts new words);
`encode_embeddings` lets the vectors of a prompt learn of each other. `encode` does both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from itertools import pairwise
from string import punctuation
from typing import TYPE_CHECKING, Literal
from unicodedata import normalize

import torch
from torch import Tensor, nn

from diffusion.parts import with_parts
from diffusion.patches import token_table
from diffusion.prompt import weighed

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTokenizerFast

GROUP = 77
"""Tokens that CLIP's text encoder reads at a time: begin, 75 pieces of words, end."""
LOOK_BACK = 20
"""How many pieces before the edge of a group a comma may stand to be the better place to break."""
END, WORD_END = "<|endoftext|>", "</w>"

Long = Literal["cut", "chunk"]
Weighting = Literal["rescale", "from_empty"]


@dataclass(frozen=True)
class NewWord:
    """A word that was added to the vocabulary.

    placeholder: what stands for it in prompts; large and small letters are the same.
    ids: the rows of the encoder's table that it is, one or more.
    """

    placeholder: str
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Tokens:
    """A prompt as the text encoder reads it: begin, at most 75 pieces, end, padding; or several such groups.

    text: the prompt as written.
    ids: rows of the encoder's embedding table, 77 of them for each group.
    pieces: the text each id stands for; `</w>` marks the end of a word.
    weights: how much each token counts, 1 as it is.
    cut: the end of the prompt that did not fit, without brackets of weights, or empty.
    """

    text: str
    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    weights: tuple[float, ...]
    cut: str = ""


@dataclass(frozen=True, eq=False)
class Embeddings:
    """A prompt as rows of the encoder's table: what each token means by itself, wherever it stands.

    vectors: (1, 77·n, D) float32.
    tokens: what the vectors were looked up for; they also say where a prompt ends and how much each token counts.
    """

    vectors: Tensor
    tokens: Tokens


@dataclass(frozen=True, eq=False)
class Conditioning:
    """What cross attention reads.

    states: the last hidden states, (1, 77·n, D) float32; D is 768 in Stable Diffusion 1.x.
    pooled: the state at the (first) end token, (1, D) float32.
    """

    states: Tensor
    pooled: Tensor


# ── text → tokens ─────────────────────────────────────────────────────────────────────────────────────────────────────


def tokenize(
    tokenizer: CLIPTokenizerFast,
    text: str,
    weighted: bool = True,
    long: Long = "cut",
    new_words: Sequence[NewWord] = (),
) -> Tokens:
    """Cut a prompt into tokens.

    Weights do not change how words are cut: the prompt without its brackets is cut as a whole, and a piece has the
    weight of its first character. Begin, end and padding have weight 1.

    Args:
        tokenizer: CLIP's.
        text: the prompt.
        weighted: read `(word:1.2)`, `(word)` and `[word]` as weights (`diffusion.prompt`), not as brackets.
        long: what to do with a prompt of more than 75 pieces. `cut` leaves off what does not fit and names it;
            `chunk` makes as many groups of 77 as are needed, see `breaks`.
        new_words: words beside those of the vocabulary; where one stands, its ids stand.

    Raises:
        ValueError: a weight is out of range; `chunk` is asked of a tokenizer that is not 77 wide.
    """
    characters = weighed(text) if weighted else [(character, 1.0) for character in text]
    plain = "".join(character for character, _ in characters)
    length = tokenizer.model_max_length if tokenizer.model_max_length < 10_000 else GROUP
    if long == "chunk" and length != GROUP:
        raise ValueError(f'long: expected a tokenizer {GROUP} wide for "chunk", found {length}; take "cut"')
    cut = list(_cut(tokenizer, plain, new_words))
    room = length - 2
    edges = breaks([piece for _, piece, _ in cut], room) if long == "chunk" else [0, min(len(cut), room)]
    begin, end, padding = (
        (id, tokenizer.convert_ids_to_tokens(id), 1.0)
        for id in (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    )
    tokens: list[tuple[int, str, float]] = []
    for first, stop in pairwise(edges):
        words = [(id, piece, characters[start][1]) for id, piece, start in cut[first:stop]]
        tokens += [begin, *words, end, *[padding] * (room - len(words))]
    ids, pieces, weights = zip(*tokens, strict=True)
    left = plain[cut[edges[-1]][2] :].strip() if edges[-1] < len(cut) else ""
    return Tokens(text, ids, pieces, weights, left)


def _cut(tokenizer: CLIPTokenizerFast, text: str, new_words: Sequence[NewWord]) -> Iterator[tuple[int, str, int]]:
    """A text without brackets as (id, piece, first character). A new word's first piece is its name."""
    known = {word.placeholder.casefold(): word for word in new_words}
    at = 0
    for found in _finder(tuple(known)).finditer(text) if known else ():
        yield from _cut_known(tokenizer, text, at, found.start())
        word = known[found[0].casefold()]
        names = [word.placeholder, *[""] * (len(word.ids) - 1)]
        names[-1] += WORD_END
        yield from ((id, name, found.start()) for id, name in zip(word.ids, names, strict=True))
        at = found.end()
    yield from _cut_known(tokenizer, text, at, len(text))


def _cut_known(tokenizer: CLIPTokenizerFast, text: str, first: int, stop: int) -> Iterator[tuple[int, str, int]]:
    """The part of a text from one character to before another, as pieces of the vocabulary."""
    found = tokenizer(text[first:stop], add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    pieces = tokenizer.convert_ids_to_tokens(found["input_ids"])
    starts = (first + start for start, _ in found["offset_mapping"])
    yield from zip(found["input_ids"], pieces, starts, strict=True)


@lru_cache(maxsize=8)
def _finder(placeholders: tuple[str, ...]) -> re.Pattern[str]:
    """Finds each of some words where it stands alone, the longest first."""
    longest_first = sorted(placeholders, key=len, reverse=True)
    return re.compile("|".join(rf"(?<!\w){re.escape(p)}(?!\w)" for p in longest_first), re.IGNORECASE)


def breaks(pieces: Sequence[str], room: int = GROUP - 2) -> list[int]:
    """Where to break a long prompt into groups: 0, the first piece of each further group, and the number of pieces.

    A group that is not the last breaks after the last comma among its last 20 pieces, as in AUTOMATIC1111's web UI;
    if there is none, after the last word there that is whole; if there is none either, where it is full.
    """
    edges = [0]
    while len(pieces) - edges[-1] > room:
        full = edges[-1] + room
        near = range(full, full - LOOK_BACK, -1)
        comma = next((at for at in near if pieces[at - 1].endswith("," + WORD_END)), None)
        word = next((at for at in near if pieces[at - 1].endswith(WORD_END)), full)
        edges.append(word if comma is None else comma)
    return [*edges, len(pieces)]


# ── what is where in tokens ───────────────────────────────────────────────────────────────────────────────────────────


def spans(tokens: Tokens) -> list[range]:
    """The positions of each group's words: between begin (`start - 1`) and end (`stop`), after which padding follows.

    A prompt of 77·n tokens is n groups, one of any other length (another tokenizer) a single group.
    """
    count = len(tokens.pieces)
    width = GROUP if count and count % GROUP == 0 else count
    found = []
    for begin in range(0, count, width or 1):
        last = begin + width - 1
        while last > begin + 1 and tokens.pieces[last - 1] == tokens.pieces[last]:
            last -= 1
        if tokens.pieces[last] != END and tokens.pieces[last - 1] == END:
            last -= 1  # Stable Diffusion 2 pads with another token than the end
        found.append(range(begin + 1, last))
    return found


Words = Sequence[tuple[str, tuple[int, ...]]]
"""The words of a prompt in order, each with the positions of its pieces among the tokens."""


def words_of(tokens: Tokens) -> list[tuple[str, tuple[int, ...]]]:
    """The words of a prompt in order, each with the positions of its pieces in `ids`.

    Words are as the tokenizer sees them: in small letters, each digit for itself, and each run of signs (punctuation,
    emoji). Of a prompt that was cut there is what is left, perhaps the beginning of a word; a word that begins at the
    end of one group and goes on in the next is one word.
    """
    words: list[list[int]] = [[]]
    for at in (at for span in spans(tokens) for at in span):
        words[-1].append(at)
        if tokens.pieces[at].endswith(WORD_END):
            words.append([])
    return [
        (plain_text("".join(tokens.pieces[at].removesuffix(WORD_END) for at in places)), tuple(places))
        for places in words
        if places
    ]


def occurrences(words: Words, wanted: str, where: str = "word") -> list[tuple[int, ...]]:
    """The positions of a word's pieces, for each time it occurs; case and spaces do not matter.

    Args:
        words: of a prompt, from `words_of`.
        wanted: one word, or several that stand in a row.
        where: the argument that names the word, for the message.

    Raises:
        ValueError: it does not occur; the message lists the words that do.
    """
    texts = [_folded(text) for text, _ in words]
    target = _folded(wanted)
    found = []
    first = 0
    while first < len(words):
        last = first + 1
        while last < len(words) and len("".join(texts[first:last])) < len(target):
            last += 1
        if "".join(texts[first:last]) == target:
            found.append(tuple(at for _, positions in words[first:last] for at in positions))
            first = last
        else:
            first += 1
    if found:
        return found
    if not words:
        raise ValueError(f'{where}: expected a prompt in which "{wanted}" occurs, found an empty one')
    near = get_close_matches(target, texts, n=1)
    hint = f'; did you mean "{words[texts.index(near[0])][0]}"?' if near else ""
    named = dict.fromkeys(text for text, _ in words)
    listed = ", ".join([text for text in named if text.strip(punctuation)] or named)
    raise ValueError(f'{where}: expected one of the words {listed}; found "{wanted}"{hint}')


def _folded(word: str) -> str:
    return "".join(normalize("NFC", word).casefold().split())


def plain_text(piece: str) -> str:
    r"""What a piece stands for: CLIP writes each byte of UTF-8 as a letter. Part of a character is left as `\xf0`."""
    letters = _letters()
    if not all(letter in letters for letter in piece):
        return piece  # a token that was added to the vocabulary is written as it is
    return bytes(letters[letter] for letter in piece).decode(errors="backslashreplace")


@lru_cache(maxsize=1)
def _letters() -> dict[str, int]:
    """The byte for each letter: printable ones stand for themselves, the others are moved beyond 255 (as in GPT-2)."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


# ── tokens → vectors ──────────────────────────────────────────────────────────────────────────────────────────────────


def encode(
    encoder: CLIPTextModel, tokens: Tokens, clip_skip: int = 0, weighting: Weighting = "rescale"
) -> Conditioning:
    """The text encoder's states for some tokens: `embed`, then `encode_embeddings`.

    Args:
        encoder: on its device.
        tokens: of the same checkpoint's tokenizer.
        clip_skip: leave out this many of the last layers; the final layer norm is applied all the same, as is usual.
        weighting: how weights other than 1 are applied, see `encode_embeddings`.

    Raises:
        ValueError: the encoder has fewer layers, or its table fewer rows, than asked for.
    """
    return encode_embeddings(encoder, embed(encoder, tokens), clip_skip, weighting)


def embed(encoder: CLIPTextModel, tokens: Tokens) -> Embeddings:
    """The row of the encoder's table for each token, before anything is said of its position.

    Args:
        encoder: on its device.
        tokens: of the same checkpoint's tokenizer.

    Raises:
        ValueError: the table has fewer rows than an id asks for.
    """
    _, table = token_table(encoder)
    rows = len(table.weight)
    if max(tokens.ids) >= rows:
        raise ValueError(f"tokens: expected ids below {rows}, found {max(tokens.ids)}; tokenizer of another model?")
    with torch.no_grad():
        vectors = table(torch.tensor([tokens.ids], device=table.weight.device))
    return Embeddings(vectors.float().cpu().clone(), tokens)


def encode_embeddings(
    encoder: CLIPTextModel, embeddings: Embeddings, clip_skip: int = 0, weighting: Weighting = "rescale"
) -> Conditioning:
    """The text encoder's states for vectors in place of its table's rows. Each group of 77 is encoded by itself.

    Args:
        encoder: on its device.
        embeddings: as wide as the encoder.
        clip_skip: leave out this many of the last layers; the final layer norm is applied all the same, as is usual.
        weighting: how the weights of the tokens are applied; where all are 1, states stay as they are.
            `rescale` multiplies each state by its weight, then all states of the group by what brings their mean back,
            as AUTOMATIC1111's web UI does. A model whose states have no mean to speak of (less than 1 % of their
            spread) is spared the second factor, which would be chance.
            `from_empty` moves each state away from that of the empty prompt at its place, or toward it:
            z_empty + w · (z - z_empty), as ComfyUI does.

    Raises:
        ValueError: the encoder has fewer layers than asked for, or another width than the vectors.
    """
    layers, width = encoder.config.num_hidden_layers, encoder.config.hidden_size
    if not 0 <= clip_skip < layers:
        raise ValueError(f"clip_skip: expected 0 to {layers - 1}, found {clip_skip}")
    tokens, vectors = embeddings.tokens, embeddings.vectors
    if vectors.shape != (1, len(tokens.ids), width):
        raise ValueError(
            f"embeddings: expected vectors (1, {len(tokens.ids)}, {width}), found {tuple(vectors.shape)}; "
            "of another text encoder?"
        )
    states, pooled = [], []
    for group, part in _groups(tokens, vectors):
        state, pool = _run(encoder, group.ids, part, clip_skip)
        weights = torch.tensor(group.weights)[None, :, None]  # (1, 77, 1)
        if bool((weights != 1).any()):
            if weighting == "rescale":
                state = _rescaled(state, weights)
            else:
                empty = _empty(tokens, group)
                neutral, _ = _run(encoder, empty.ids, embed(encoder, empty).vectors, clip_skip)
                state = torch.where(weights == 1, state, neutral + weights * (state - neutral))
        states.append(state)
        pooled.append(pool)
    return Conditioning(torch.cat(states, dim=1), pooled[0])


def _groups(tokens: Tokens, vectors: Tensor) -> Iterator[tuple[Tokens, Tensor]]:
    """Each group's tokens and vectors."""
    width = len(tokens.ids) // len(spans(tokens))
    for begin in range(0, len(tokens.ids), width):
        part = slice(begin, begin + width)
        group = replace(tokens, ids=tokens.ids[part], pieces=tokens.pieces[part], weights=tokens.weights[part])
        yield group, vectors[:, part]


def _run(encoder: CLIPTextModel, ids: Sequence[int], vectors: Tensor, clip_skip: int) -> tuple[Tensor, Tensor]:
    """States (1, 77, D) and pooled (1, D) for one group: ids say where it ends, vectors what it says."""
    place, table = token_table(encoder)
    rows = Rows(vectors.to(table.weight))
    with torch.no_grad():
        given = torch.tensor([ids], device=table.weight.device)
        whole = with_parts(encoder, {place: rows})
        out = whole(given)
        states, pooled = out.last_hidden_state, out.pooler_output
        if clip_skip:  # the pooled state is that of all layers
            layers = place.removesuffix("embeddings.token_embedding") + "encoder.layers"
            kept = nn.ModuleList(list(encoder.get_submodule(layers))[:-clip_skip])
            states = with_parts(whole, {layers: kept})(given).last_hidden_state
    return states.float().cpu().clone(), pooled.float().cpu().clone()


class Rows(nn.Module):
    """A table that gives the same rows, (1, 77, D), whatever it is asked for."""

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, ids: Tensor) -> Tensor:
        """The rows."""
        return self.rows


def _rescaled(states: Tensor, weights: Tensor) -> Tensor:
    """States (1, 77, D) times weights (1, 77, 1), brought back to the mean they had."""
    weighed = states * weights
    before, after = states.mean(), weighed.mean()
    if before.abs() < 0.01 * states.std():
        return weighed
    return weighed * (before / after)


def _empty(tokens: Tokens, group: Tokens) -> Tokens:
    """The empty prompt in the layout of some tokens: padded as one of their groups is; if none is, with the end."""
    begin, end = group.ids[0], group.ids[spans(group)[0].stop]
    width = len(group.ids)
    stops = [(span.stop, (span.start - 1) + width) for span in spans(tokens)]
    padding = next((tokens.ids[stop + 1] for stop, after in stops if stop + 1 < after), end)
    return replace(group, ids=(begin, end, *[padding] * (width - 2)), weights=(1.0,) * width)
