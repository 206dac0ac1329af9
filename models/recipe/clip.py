"""Stage `clip`: a picture tower that agrees with the text tower on what belongs together (Radford et al., 2103.00020).

Both together can rank captions for a picture. The text tower stays as `words.py` made it. The picture tower learns by
finding each picture's caption among those of other pictures and, where that tells sides, the same with its sides
exchanged (hard negatives as in NegCLIP, Yuksekgonul et al., 2210.01936); and by what the classifiers of `words.py` are
to read from its vectors: names alone are enough to find a caption, so that otherwise it never looks at sides.
"""

import random
import re
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPModel

from . import words
from .artwork import WORK
from .data import ALL, Bank, Scope, load
from .judge import resized, tensor
from .scenes import PALETTE
from .tokens import learned_tokenizer
from .training import Budget, Settings, averaged, batch_of, begun, device, train
from .words import Reader, new, places_of, tokenize

BATCH = 64

SIDES_TOLD = re.compile(r"^(an? .+?) on the left(, an? .+? in the middle)? and (an? .+?) on the right(.*)$")


class Pair(nn.Module):
    """Both towers, of which only that for pictures is to learn, and the classifiers of the text tower."""

    def __init__(self, towers: CLIPModel, reader: Reader) -> None:
        super().__init__()
        self.towers, self.reader = towers, reader
        for part in (towers.text_model, towers.text_projection, reader):
            part.requires_grad_(False)


def exchanged(caption: str) -> str | None:
    """A caption with what stands left and what stands right exchanged; None where it tells no sides."""
    found = SIDES_TOLD.match(caption)
    if found is None:
        return None
    left, middle, right, rest = found.groups(default="")
    return f"{right} on the left{middle} and {left} on the right{rest}"


def seen(bank: Bank, i: int) -> list[int]:
    """What the classifiers are to read from picture `i`, which tells all that a caption may leave out."""
    return [*places_of(bank.concepts[i]), bank.styles[i], list(PALETTE).index(bank.background(i))]


def run(budget: Budget, source: Path | None = None) -> CLIPModel:
    """Train the picture tower on pictures and captions of the bank."""
    bank, tokenizer = load("train"), learned_tokenizer()

    def loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
        assert isinstance(model, Pair)
        picks = batch_of(len(bank), BATCH, generator).tolist()
        rng = random.Random(int(torch.randint(2**31, (), generator=generator)))
        captions = [rng.choice(bank.captions[i]) for i in picks]
        wrong = [other for text in captions if (other := exchanged(text))]
        ids = tokenize(tokenizer, captions + wrong)
        pictures = torch.stack([tensor(bank.pictures[i]) for i in picks])
        found = model.towers(input_ids=ids.to(device()), pixel_values=pictures.to(device()))
        scores = found.logits_per_image.float()
        matches = torch.arange(BATCH, device=device())
        misread = model.reader.misread(
            found.image_embeds.float(), torch.tensor([seen(bank, i) for i in picks]).to(device())
        )
        return 0.5 * (F.cross_entropy(scores, matches) + F.cross_entropy(scores[:, :BATCH].T, matches)) + misread

    reader = words.trained()
    towers = begun(new(), source, "clip")
    assert isinstance(towers, CLIPModel)
    towers.text_model.load_state_dict(reader.text_model.state_dict())
    towers.text_projection.load_state_dict(reader.text_projection.state_dict())
    settings = Settings(1e-3, BATCH, weight_decay=0.05, ema=0.998, muon=True)
    pair = train(Pair(towers, reader), loss, settings, budget, WORK / "clip.pt")
    assert isinstance(pair, Pair) and isinstance(pair.towers, CLIPModel)
    clip = pair.towers
    print(f"clip: retrieval@1 of 256: {retrieval(clip):.3f}, tells sides: {tells_sides(clip):.3f}", flush=True)
    return clip


@torch.no_grad()
def retrieval(clip: CLIPModel, scope: Scope = ALL, count: int = 256) -> float:
    """The share of held-out pictures whose own caption is nearest among `count` (no two captions alike)."""
    bank = load("test")
    first: dict[str, int] = {}
    for i in bank.within(scope):
        first.setdefault(max(bank.captions[i], key=len), i)
    captions = list(first)[:count]
    scores = likeness(clip, tensor(bank.pictures[[first[text] for text in captions]]), captions)
    return (scores.argmax(1) == torch.arange(len(captions))).float().mean().item()


@torch.no_grad()
def tells_sides(clip: CLIPModel, scope: Scope = ALL, count: int = 300) -> float:
    """The share of held-out pictures whose caption is nearer than the same with its sides exchanged."""
    bank = load("test")
    told = [(i, text) for i in bank.within(scope) for text in bank.captions[i] if exchanged(text)][:count]
    pictures = tensor(bank.pictures[[i for i, _ in told]])
    return nearer_than_exchanged(clip, pictures, [text for _, text in told]).float().mean().item()


@torch.no_grad()
def likeness(clip: CLIPModel, pictures: Tensor, captions: list[str]) -> Tensor:
    """Scores of pictures (P, 3, H, W), at the size that the tower sees, by captions: (P, captions)."""
    shown = resized(pictures, clip.config.vision_config.image_size)
    ids = tokenize(learned_tokenizer(), captions)
    return clip(input_ids=ids.to(device()), pixel_values=shown.to(device())).logits_per_image.float().cpu()


@torch.no_grad()
def nearer_than_exchanged(clip: CLIPModel, pictures: Tensor, captions: list[str]) -> Tensor:
    """Whether each picture (B, 3, H, W) is nearer to its caption, which tells sides, than to that exchanged: (B,)."""
    scores = likeness(clip, pictures, captions + [exchanged(text) or text for text in captions])
    count = len(captions)
    return scores[:, :count].diagonal() > scores[:, count:].diagonal()


def trained() -> CLIPModel:
    """The towers that this stage has made."""
    clip = new()
    pair = Pair(clip, Reader(clip))
    pair.load_state_dict(averaged(WORK / "clip.pt"))
    return clip.eval()
