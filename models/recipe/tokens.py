"""The tokenizer: byte-pair encoding of 2,048 tokens in CLIP's own layout, so that `CLIPTokenizer` can read any text.

Ids 0 to 255 are the bytes, 256 to 511 the bytes that end a word, then one token per merge, then start and end of text.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from .artwork import WORK, keywords
from .data import load

VOCABULARY = 2048
LENGTH = 77
START, END = "<|startoftext|>", "<|endoftext|>"
START_ID, END_ID = VOCABULARY - 2, VOCABULARY - 1
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"  # CLIP's pattern


def learn_merges(lines: Iterable[str], count: int) -> list[tuple[str, str]]:
    """The `count` most useful merges in a text."""
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(WORDS), "removed", invert=True), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    size = count + 1024  # more than enough for the alphabet too
    trainer = trainers.BpeTrainer(vocab_size=size, end_of_word_suffix="</w>", min_frequency=1, show_progress=False)
    learner.train_from_iterator(lines, trainer)
    return [tuple(merge) for merge in json.loads(learner.to_str())["model"]["merges"][:count]]


def write(folder: Path, merges: list[tuple[str, str]]) -> None:
    """Write `vocab.json`, `merges.txt` and the configuration of a CLIP tokenizer."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = alphabet + [f"{byte}</w>" for byte in alphabet] + ["".join(merge) for merge in merges]
    tokens += [f"unused{i}" for i in range(VOCABULARY - 2 - len(tokens))] + [START, END]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {token: i for i, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    specials = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH, "do_lower_case": True, **specials}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "special_tokens_map.json").write_text(json.dumps(specials, indent=2) + "\n")


def learned_tokenizer() -> CLIPTokenizer:
    """The tokenizer, learned at the first call from the bank's captions and the emoji keywords."""
    folder = WORK / "tokenizer"
    if not (folder / "tokenizer_config.json").exists():
        captions = [text for texts in load("train").captions for text in texts]
        write(folder, learn_merges(captions + keywords(), VOCABULARY - 2 - 512))
    return CLIPTokenizer.from_pretrained(folder)
