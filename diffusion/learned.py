"""New words: a placeholder, the vectors it stands for, how a model comes to know it, and the files it is kept in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from diffusion.patches import NewRows, token_table
from diffusion.text import WORD_END, NewWord, plain_text, tokenize

if TYPE_CHECKING:
    from diffusion.checkpoint import TextEncoderHandle, TokenizerHandle

Layout = Literal["diffusers", "a1111"]


@dataclass(frozen=True, eq=False)
class LearnedWord:
    """A new word.

    placeholder: what stands for it in prompts: no spaces, and none of the brackets and signs that weights are read by.
    vectors: rows of a text encoder's table, (n, D) float32, n ≥ 1; D is 768 in Stable Diffusion 1.x.

    Raises ValueError otherwise.
    """

    placeholder: str
    vectors: Tensor

    def __post_init__(self) -> None:
        """Check what the class says of its fields."""
        if not self.placeholder or any(c.isspace() or c in r"()[]\:" for c in self.placeholder):
            raise ValueError(f'placeholder: expected no spaces, brackets, colons, found "{self.placeholder}"; take "*"')
        if self.vectors.ndim != 2 or not len(self.vectors):
            raise ValueError(f"vectors: expected shape (n, D), n ≥ 1, found {tuple(self.vectors.shape)}")


# ── making it known ───────────────────────────────────────────────────────────────────────────────────────────────────


def add_word(
    tokenizer: TokenizerHandle, encoder: TextEncoderHandle, word: LearnedWord, known: bool = False
) -> tuple[TokenizerHandle, TextEncoderHandle]:
    """A tokenizer and a text encoder that know the word; the given ones stay as they are.

    Args:
        tokenizer: of a checkpoint.
        encoder: of the same.
        word: as wide as the encoder's table.
        known: take the placeholder even if it is a word already; its old meaning is lost.

    Raises:
        ValueError: the word has another width, or its placeholder is a word already.
    """
    if (width := word.vectors.shape[1]) != encoder.width:
        raise ValueError(f"word: expected vectors {encoder.width} wide, found {width}; learnt for another model?")
    expect_unknown(tokenizer, word.placeholder, known)
    ids = tuple(range(encoder.all_rows, encoder.all_rows + len(word.vectors)))
    return naming(tokenizer, NewWord(word.placeholder, ids)), encoder.patched(NewRows(word.vectors))


def naming(tokenizer: TokenizerHandle, word: NewWord) -> TokenizerHandle:
    """A tokenizer that knows a word by its placeholder, and none that was added before by the same."""
    others = (old for old in tokenizer.new_words if old.placeholder.casefold() != word.placeholder.casefold())
    return replace(tokenizer, new_words=(*others, word))


def expect_unknown(tokenizer: TokenizerHandle, placeholder: str, known: bool = False) -> None:
    """Raise ValueError if a placeholder is a word of the vocabulary, or was added to it, unless `known` allows it.

    Signs without a letter or digit, such as `*`, are no words.
    """
    pieces = tokenize(tokenizer.load(), placeholder, weighted=False).pieces
    in_vocabulary = any(c.isalnum() for c in placeholder) and pieces[1] == placeholder.casefold() + WORD_END
    added = placeholder.casefold() in (word.placeholder.casefold() for word in tokenizer.new_words)
    if (in_vocabulary or added) and not known:
        raise ValueError(
            f'placeholder: expected a word that the model does not know, found "{placeholder}"; take another such as '
            '"*", or set known to give it a new meaning'
        )


def nearest(
    tokenizer: TokenizerHandle, encoder: TextEncoderHandle, vectors: Tensor, count: int = 5
) -> list[list[tuple[str, float]]]:
    """For each of some vectors (n, D), the known words whose rows point most nearly the same way, with the cosine.

    Only what is one token by itself is looked at, and consists of letters; no words that were added.
    """
    live = tokenizer.load()
    names = live.convert_ids_to_tokens(list(range(encoder.rows)))
    whole = [i for i, name in enumerate(names) if name is not None and name.endswith(WORD_END)]
    words = {i: plain_text(names[i].removesuffix(WORD_END)) for i in whole}
    alone = live(list(words.values()), add_special_tokens=False)["input_ids"]
    kept = torch.tensor(
        [i for (i, word), ids in zip(words.items(), alone, strict=True) if ids == [i] and word.isalpha()]
    )
    _, table = token_table(encoder.load())
    rows = torch.nn.functional.normalize(table.weight[kept.to(table.weight.device)].float().cpu(), dim=1)
    likeness = torch.nn.functional.normalize(vectors.float(), dim=1) @ rows.T
    best = likeness.topk(min(count, len(kept)), dim=1)
    return [
        [(words[int(kept[i])], float(cosine)) for i, cosine in zip(places, cosines, strict=True)]
        for places, cosines in zip(best.indices, best.values, strict=True)
    ]


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_word(path: Path, word: LearnedWord, layout: Layout = "diffusers") -> None:
    """Write a word as safetensors.

    Args:
        path: of the file.
        word: to be kept.
        layout: `diffusers` has the placeholder as the tensor's name; `a1111` calls it `emb_params`, and what the file
            is called is the word.
    """
    vectors = word.vectors.contiguous()
    if layout == "a1111":
        save_file({"emb_params": vectors}, path)
    else:
        save_file({word.placeholder: vectors[0].clone() if len(vectors) == 1 else vectors}, path)


def read_word(path: Path, placeholder: str = "") -> LearnedWord:
    """Read a word in either layout, from safetensors or from the older pickled files, of which nothing is executed.

    Args:
        path: `.safetensors`; or `.pt`, `.bin`, of which only tensors and plain data are read.
        placeholder: what is to stand for it; by default what the file says, or what it is called.

    Raises:
        ValueError: it is no such file.
    """
    tensors = _tensors_of(path)
    if len(tensors) != 1:
        found = ", ".join(list(tensors)[:4]) or "none"
        raise ValueError(
            f"{path.name}: expected one tensor, found {len(tensors)} ({found}); of a model with two encoders?"
        )
    [(name, tensor)] = tensors.items()
    if tensor.ndim not in (1, 2) or not tensor.is_floating_point():
        found = f"{tuple(tensor.shape)} {tensor.dtype}"
        raise ValueError(f"{path.name}: expected vectors (D,) or (n, D), found {found}; is it an embedding?")
    own = path.stem if name in ("emb_params", "*") else name
    return LearnedWord(placeholder or "".join(own.split()), tensor.detach().float().reshape(-1, tensor.shape[-1]))


def _tensors_of(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a file by name."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        data: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError) as error:
        raise ValueError(f"{path.name}: expected a whole file of tensors: {str(error).splitlines()[0]}") from None
    except Exception as error:  # pickle raises many kinds, and what it forbids is one of them
        raise ValueError(
            f"{path.name}: expected tensors and nothing else, found otherwise: {error}".splitlines()[0]
        ) from None
    if (
        isinstance(data, dict) and "string_to_param" in data
    ):  # AUTOMATIC1111's: {"string_to_param": {"*": …}, "name": …}
        data = {str(data.get("name") or "*"): next(iter(data["string_to_param"].values()), None)}
    if not isinstance(data, dict) or not all(isinstance(value, Tensor) for value in data.values()):
        raise ValueError(f"{path.name}: expected an embedding, found {type(data).__name__} of other things")
    return data
