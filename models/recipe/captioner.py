"""Stage `captioner`: a picture in, the words for what it shows out, in BLIP's architecture (Li et al., 2201.12086).

It names things, the sides they stand on and the background, and leaves out the style: that is what a search over terms
is to find.
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
from .data import ALL, Bank, Scope, load
from .judge import part, resized, spoil, tensor
from .scenes import PALETTE, SIDES, SIZE, side_by_side, with_article
from .training import Budget, Settings, averaged, batch_of, begun, train

BATCH = 64
LENGTH = 48  # tokens of the longest caption, with begin and end
WIDTH = 128

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD_ID, END_ID = SPECIAL.index("[PAD]"), SPECIAL.index("[SEP]")
BEGIN = "[DEC]"  # what BLIP's decoder begins with
OPENINGS = ("a picture of", "a drawing of")

TOWER = {"hidden_size": WIDTH, "num_attention_heads": 4}
VISION: dict[str, Any] = {
    **TOWER, "intermediate_size": 4 * WIDTH, "num_hidden_layers": 4, "image_size": SIZE, "patch_size": 16,
}  # fmt: skip
TEXT: dict[str, Any] = {
    **TOWER, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 2, "encoder_hidden_size": WIDTH,
    "max_position_embeddings": LENGTH, "label_smoothing": 0.0, "pad_token_id": PAD_ID, "sep_token_id": END_ID,
}  # fmt: skip


def vocabulary() -> list[str]:
    """The words of all captions, after the special tokens; letters, so that any other word can be spelt."""
    words = Counter(word for concept in CONCEPTS for name in names_of(concept) for word in with_article(name).split())
    words.update(word for opening in OPENINGS for word in opening.split())
    words.update(" ".join(side for sides in SIDES.values() for side in sides).split())
    words.update(word for colour in PALETTE for word in colour.split())
    words.update(["and", "a", "background"])
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


def caption(rng: random.Random, concepts: list[int], background: str | None = None) -> str:
    """What is to be said of a picture: its things with their sides, and the background where it is known.

    Now and then it opens as captions of pictures do.
    """
    words = list(CONCEPTS)
    names = [rng.choice(names_of(words[concept])) for concept in concepts]
    opening = f"{rng.choice(OPENINGS)} " if rng.random() < 0.1 else ""
    things = side_by_side(names) if len(names) > 1 else with_article(names[0])
    return opening + things + (f" on a {background} background" if background else "")


def example(rng: random.Random, bank: Bank, i: int) -> tuple[Tensor, str]:
    """A picture (1, 3, SIZE, SIZE) and its caption: whole, or the share of one of its things, or most of one thing."""
    picture, concepts, background = tensor(bank.pictures[i])[None], bank.concepts[i], bank.background(i)
    count = len(concepts)
    if count > 1 and rng.random() < 0.3:
        which = rng.randrange(count)
        share = picture[..., which * SIZE // count : (which + 1) * SIZE // count]
        wide = F.interpolate(share, (SIZE, SIZE), mode="bilinear")
        alone = wide if rng.random() < 0.5 else part(picture, which, count)
        return alone, caption(rng, [concepts[which]], background)
    if count == 1 and rng.random() < 0.3:
        size = rng.randrange(5 * SIZE // 8, SIZE)
        top, left = rng.randrange(SIZE - size + 1), rng.randrange(SIZE - size + 1)
        picture = F.interpolate(picture[..., top : top + size, left : left + size], (SIZE, SIZE), mode="bilinear")
    return picture, caption(rng, concepts, background)


def tokenize(tokenizer: BertTokenizer, captions: list[str], begin: int) -> tuple[Tensor, Tensor]:
    """Ids (B, n) from the begin token to the end token, filled up, and 1 where there is something to read."""
    found = tokenizer(captions, padding="longest", max_length=LENGTH, truncation=True, return_tensors="pt")
    ids = found.input_ids.clone()
    ids[:, 0] = begin
    return ids, found.attention_mask


def run(budget: Budget, source: Path | None = None) -> BlipForConditionalGeneration:
    """Train on the bank, of which half is upright and in the middle, as what the model draws is."""
    bank = load("train")
    write_tokenizer(WORK / "captioner")
    tokenizer = BertTokenizer(str(WORK / "captioner" / "vocab.txt"))
    begin = vocabulary().index(BEGIN)

    def loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
        rng = random.Random(int(torch.randint(2**31, (), generator=generator)))
        examples = [example(rng, bank, i) for i in batch_of(len(bank), BATCH, generator).tolist()]
        pictures = spoil(torch.cat([picture for picture, _ in examples]), generator)
        ids, mask = tokenize(tokenizer, [text for _, text in examples], begin)
        labels = ids.masked_fill(mask == 0, -100)
        value: Tensor = model(pixel_values=pictures, input_ids=ids, attention_mask=mask, labels=labels).loss
        return value

    settings = Settings(8e-3, BATCH, weight_decay=0.05, ema=0.998, muon=True)
    captioner = train(begun(new(), source, "captioner"), loss, settings, budget, WORK / "captioner.pt")
    assert isinstance(captioner, BlipForConditionalGeneration)
    print(f"captioner: {says(captioner.eval(), tokenizer)}", flush=True)
    return captioner


@torch.no_grad()
def said_of(captioner: BlipForConditionalGeneration, tokenizer: BertTokenizer, pictures: Tensor) -> list[str]:
    """The captions of pictures (B, 3, H, W), at the size that it sees."""
    shown = resized(pictures, captioner.config.vision_config.image_size)
    ids = captioner.generate(pixel_values=shown, max_new_tokens=LENGTH - 8, do_sample=False)
    return tokenizer.batch_decode(ids, skip_special_tokens=True)


def says(
    captioner: BlipForConditionalGeneration, tokenizer: BertTokenizer, scope: Scope = ALL, count: int = 300
) -> dict[str, float]:
    """How often captions of held-out pictures name the one thing, all things with their sides, and the background."""
    bank, words = load("test"), list(CONCEPTS)
    within = bank.within(scope)
    alone = [i for i in within if len(bank.concepts[i]) == 1][:count]
    several = [i for i in within if len(bank.concepts[i]) > 1][:count]
    said = said_of(captioner, tokenizer, tensor(bank.pictures[alone + several]))
    named, sided, backed = list[bool](), list[bool](), list[bool]()
    for i, text in zip(alone + several, said, strict=True):
        names = [names_of(words[concept]) for concept in bank.concepts[i]]
        backed.append(f"on a {bank.background(i)} background" in text)
        if len(names) == 1:
            named.append(any(with_article(name) in text for name in names[0]))
        else:
            sides = zip(names, SIDES[len(names)], strict=True)
            sided.append(all(any(f"{with_article(name)} {side}" in text for name in each) for each, side in sides))
    return {"caption_names": share(named), "caption_sides": share(sided), "caption_backgrounds": share(backed)}


def share(right: list[bool]) -> float:
    """How many of them are, from 0 to 1."""
    return sum(right) / len(right)


def trained() -> BlipForConditionalGeneration:
    """The captioner that this stage has made."""
    captioner = new()
    captioner.load_state_dict(averaged(WORK / "captioner.pt"))
    return captioner.eval()
