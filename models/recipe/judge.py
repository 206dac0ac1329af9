"""Stage `judge`: a small classifier of real renderings, by concept and style, which only measures the model.

It never sees a generated picture in training.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from .artwork import CONCEPTS, STYLES, WORK
from .data import Bank, load
from .scenes import SIZE
from .training import Budget, Settings, averaged, batch_of, begun, train

BATCH = 64


class Judge(nn.Module):
    """Pictures (B, 3, H, H) in [-1, 1] → concept scores (B, concepts) and style scores (B, styles).

    Pictures of another size than `side`, at which it learned, are brought to that first.
    """

    def __init__(
        self,
        concepts: int = len(CONCEPTS),
        styles: int = len(STYLES),
        widths: Sequence[int] = (24, 48, 80, 128, 192),
        side: int = SIZE,
    ) -> None:
        super().__init__()
        self.side = side
        layers: list[nn.Module] = []
        for i, (narrow, wide) in enumerate(pairwise([3, *widths])):
            stride = 1 if i == len(widths) - 1 else 2  # 128 → 64 → 32 → 16 → 8
            layers += [nn.Conv2d(narrow, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.concept = nn.Linear(widths[-1], concepts)
        self.style = nn.Linear(widths[-1], styles)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Scores before the softmax."""
        x = self.features(resized(pictures, self.side)).amax(dim=(2, 3))  # (B, 192)
        return self.concept(x), self.style(x)

    @torch.no_grad()
    def embed(self, pictures: Tensor) -> Tensor:
        """Features (B, 192), for distances between pictures."""
        return self.features(resized(pictures, self.side)).mean(dim=(2, 3))


def resized(pictures: Tensor, side: int) -> Tensor:
    """Pictures (B, 3, H, H) at another size."""
    if pictures.shape[-1] == side:
        return pictures
    if side < pictures.shape[-1]:
        return F.interpolate(pictures, (side, side), mode="area")
    return F.interpolate(pictures, (side, side), mode="bilinear")


def tensor(pictures: np.ndarray) -> Tensor:
    """(…, H, W, 3) of 0 to 255 → (…, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.array(pictures)).movedim(-1, -3).contiguous().float() / 127.5 - 1


def part(pictures: Tensor, i: int, count: int) -> Tensor:
    """Share `i` of `count` of the width of pictures, widened to a square by repeating its edge columns."""
    side = pictures.shape[-1]
    left, right = side * i // count, side * (i + 1) // count
    border = side - (right - left)
    return F.pad(pictures[..., left:right], (border // 2, border - border // 2, 0, 0), mode="replicate")


def spoil(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Blur and noise of random strength, so that the judge looks at shapes and colours, not at crisp edges."""
    side = int(torch.randint(3 * SIZE // 8, SIZE + 1, (), generator=generator))
    small = F.interpolate(pictures, (side, side), mode="bilinear", antialias=True)
    blurred = F.interpolate(small, (SIZE, SIZE), mode="bilinear")
    strength = 0.12 * torch.rand(len(pictures), 1, 1, 1, generator=generator)
    shift = 0.15 * torch.randn(len(pictures), 3, 1, 1, generator=generator)
    noise = torch.randn(pictures.shape, generator=generator)
    return (blurred + strength * noise + shift * torch.rand((), generator=generator)).clamp(-1, 1)


def examples(bank: Bank, picks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures, concepts and styles; of a picture of more things than one its share with one of them, in turn."""
    pictures, concepts = [], []
    for i in picks.tolist():
        picture, count = tensor(bank.pictures[i])[None], len(bank.concepts[i])
        which = i // 2 % count
        pictures.append(part(picture, which, count) if count > 1 else picture)
        concepts.append(bank.concepts[i][which])
    return torch.cat(pictures), torch.tensor(concepts), torch.tensor([bank.styles[i] for i in picks.tolist()])


def run(budget: Budget, source: Path | None = None) -> Judge:
    """Train the judge; returns it with its averaged weights, having printed how it does on held-out pictures."""
    bank = load("train")

    def loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
        pictures, concepts, styles = examples(bank, batch_of(len(bank), BATCH, generator))
        concept, style = model(spoil(pictures, generator))
        return F.cross_entropy(concept, concepts, label_smoothing=0.05) + F.cross_entropy(style, styles)

    torch.manual_seed(0)
    settings = Settings(2e-3, BATCH, weight_decay=0.05, ema=0.995)
    judge = train(begun(Judge(), source, "judge"), loss, settings, budget, WORK / "judge.pt")
    assert isinstance(judge, Judge)
    for split in ("test", "whole"):
        concept, style = accuracy(judge, split)
        print(f"judge: {split}: concept {concept:.3f}, style {style:.3f}", flush=True)
    return judge


@torch.no_grad()
def accuracy(judge: Judge, split: str) -> tuple[float, float]:
    """Shares of a split's pictures whose concept and whose style the judge names (of one thing each, or its share)."""
    bank = load(split)
    named, styled = list[Tensor](), list[Tensor]()
    for picks in torch.arange(len(bank)).split(100):
        pictures, concepts, styles = examples(bank, picks)
        concept, style = judge(pictures)
        named.append(concept.argmax(1) == concepts)
        styled.append(style.argmax(1) == styles)
    return torch.cat(named).float().mean().item(), torch.cat(styled).float().mean().item()


def trained() -> Judge:
    """The judge that this stage has made."""
    judge = Judge()
    judge.load_state_dict(averaged(WORK / "judge.pt"))
    return judge.eval()


def load_judge(folder: Path) -> Judge:
    """The judge that ships with the model in `folder`, of the shape that its weights have."""
    with safe_open(folder / "judge.safetensors", "pt") as file:
        side = int((file.metadata() or {}).get("side", 64))  # version 1 says nothing
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    widths = [value.shape[0] for name, value in weights.items() if value.ndim == 4]
    judge = Judge(len(weights["concept.bias"]), len(weights["style.bias"]), sorted(widths), side)
    judge.load_state_dict(weights, strict=False)  # the norms' counters of batches do not ship
    return judge.eval()
