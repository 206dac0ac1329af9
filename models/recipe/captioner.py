"""Stage `captioner`: a picture in, the words for what it shows out, in BLIP's architecture (Li et al., 2201.12086).

It names things and leaves out style and background: those are what a search over terms is to find.
"""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration

from .artwork import CONCEPTS, WORK, names_of
from .data import Bank, load
from .judge import halves, spoil, tensor
from .scenes import SIZE, with_article
from .training import Budget, Settings, batch_of, train

BATCH = 64
LENGTH = 24  # tokens of the longest caption, with begin and end
WIDTH = 128

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD_ID, END_ID = SPECIAL.index("[PAD]"), SPECIAL.index("[SEP]")
BEGIN = "[DEC]"  # what BLIP's decoder begins with
OPENINGS = ("a picture of", "a drawing of")

TOWER = {"hidden_size": WIDTH, "num_attention_heads": 4}
VISION: dict[str, Any] = {
    **TOWER, "intermediate_size": 4 * WIDTH, "num_hidden_layers": 4, "image_size": SIZE, "patch_size": 8,
}  # fmt: skip
TEXT: dict[str, Any] = {
    **TOWER, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 2, "encoder_hidden_size": WIDTH,
    "max_position_embeddings": LENGTH, "label_smoothing": 0.0, "pad_token_id": PAD_ID, "sep_token_id": END_ID,
}  # fmt: skip


def vocabulary() -> list[str]:
    """The words of all captions, after the special tokens; letters, so that any other word can be spelt."""
    words = Counter(word for concept in CONCEPTS for name in names_of(concept) for word in with_article(name).split())
    words.update(word for opening in OPENINGS for word in opening.split())
    words.update(["and", "on", "the", "left", "right"])
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    spelt = [*letters, *(f"##{letter}" for letter in letters), *",.-'"]
    return [*SPECIAL, *dict.fromkeys([*sorted(words), *spelt]), BEGIN]


def write_tokenizer(folder: Path) -> None:
    """Write `vocab.txt` and the configuration of a BERT tokenizer, as BLIP has it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary()) + "\n", encoding="utf-8")
    config = {"tokenizer_class": "BertTokenizer", "model_max_length": LENGTH, "do_lower_case": True}
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    (folder / "tokenizer_config.json").write_text(json.dumps(config | names, indent=2) + "\n")


def config() -> BlipConfig:
    """What kind of BLIP it is."""
    words = vocabulary()
    begin = words.index(BEGIN)
    text = {**TEXT, "vocab_size": len(words), "bos_token_id": begin, "eos_token_id": END_ID}
    return BlipConfig(text_config=text, vision_config=VISION, projection_dim=64, image_text_hidden_size=64)


def new() -> BlipForConditionalGeneration:
    """An untrained captioner."""
    torch.manual_seed(0)
    return BlipForConditionalGeneration(config())


def caption(rng: random.Random, concepts: list[int]) -> str:
    """What is to be said of a picture of one or two things; now and then it opens as captions of pictures do."""
    words = list(CONCEPTS)
    names = [with_article(rng.choice(names_of(words[concept]))) for concept in concepts]
    opening = f"{rng.choice(OPENINGS)} " if rng.random() < 0.1 else ""
    return opening + " and ".join(names)


def example(rng: random.Random, bank: Bank, i: int) -> tuple[Tensor, str]:
    """A picture (1, 3, 64, 64) and its caption: whole, or one half of a picture of two things, or most of one thing."""
    picture, concepts = tensor(bank.pictures[i])[None], bank.concepts[i]
    if len(concepts) == 2 and rng.random() < 0.5:
        side = rng.randrange(2)
        half = picture[..., side * SIZE // 2 : (side + 1) * SIZE // 2]
        wide = F.interpolate(half, (SIZE, SIZE), mode="bilinear") if rng.random() < 0.5 else halves(picture)[side]
        return wide, caption(rng, [concepts[side]])
    if len(concepts) == 1 and rng.random() < 0.3:
        size = rng.randrange(5 * SIZE // 8, SIZE)
        top, left = rng.randrange(SIZE - size + 1), rng.randrange(SIZE - size + 1)
        picture = F.interpolate(picture[..., top : top + size, left : left + size], (SIZE, SIZE), mode="bilinear")
    return picture, caption(rng, concepts)


def tokenize(tokenizer: BertTokenizer, captions: list[str], begin: int) -> tuple[Tensor, Tensor]:
    """Ids (B, n) from the begin token to the end token, filled up, and 1 where there is something to read."""
    found = tokenizer(captions, padding="longest", max_length=LENGTH, truncation=True, return_tensors="pt")
    ids = found.input_ids.clone()
    ids[:, 0] = begin
    return ids, found.attention_mask


def run(budget: Budget) -> BlipForConditionalGeneration:
    """Train on the bank, of which half is upright and centred, as what the model draws is."""
    banks = load("train"), load("calm")
    write_tokenizer(WORK / "captioner")
    tokenizer = BertTokenizer(str(WORK / "captioner" / "vocab.txt"))
    begin = vocabulary().index(BEGIN)

    def loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
        rng = random.Random(int(torch.randint(2**31, (), generator=generator)))
        picks = batch_of(len(banks[0]), BATCH, generator).tolist()
        examples = [example(rng, rng.choice(banks), i) for i in picks]
        pictures = spoil(torch.cat([picture for picture, _ in examples]), generator)
        ids, mask = tokenize(tokenizer, [text for _, text in examples], begin)
        labels = ids.masked_fill(mask == 0, -100)
        value: Tensor = model(pixel_values=pictures, input_ids=ids, attention_mask=mask, labels=labels).loss
        return value

    settings = Settings(1e-3, BATCH, weight_decay=0.05, ema=0.998)
    captioner = train(new(), loss, settings, budget, WORK / "captioner.pt")
    assert isinstance(captioner, BlipForConditionalGeneration)
    print(f"captioner: names the thing: {names_the_thing(captioner):.3f}", flush=True)
    return captioner


@torch.no_grad()
def names_the_thing(captioner: BlipForConditionalGeneration, count: int = 300) -> float:
    """The share of held-out pictures of one thing whose caption names it."""
    bank = load("test")
    picks = bank.single()[:count]
    words = list(CONCEPTS)
    tokenizer = BertTokenizer(str(WORK / "captioner" / "vocab.txt"))
    ids = captioner.generate(pixel_values=tensor(bank.pictures[picks]), max_new_tokens=12, do_sample=False)
    said = tokenizer.batch_decode(ids, skip_special_tokens=True)
    right = [any(with_article(name) in text for name in names_of(words[bank.concepts[i][0]]))
             for i, text in zip(picks, said, strict=True)]  # fmt: skip
    return sum(right) / len(right)


def trained() -> BlipForConditionalGeneration:
    """The captioner that this stage has made."""
    captioner = new()
    captioner.load_state_dict(torch.load(WORK / "captioner.pt", map_location="cpu", weights_only=True)["average"])
    return captioner.eval()
