"""Stage `judge`: a small classifier of real renderings, by concept and style, which only measures the model.

It never sees a generated picture in training.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from .artwork import CONCEPTS, STYLES, WORK
from .data import Bank, load
from .scenes import SIZE
from .training import Budget, Settings, batch_of, train

BATCH = 64


class Judge(nn.Module):
    """Pictures (B, 3, 64, 64) in [-1, 1] → concept scores (B, concepts) and style scores (B, styles)."""

    def __init__(self, concepts: int = len(CONCEPTS), styles: int = len(STYLES)) -> None:
        super().__init__()
        widths = [3, 32, 64, 96, 128, 160]
        layers: list[nn.Module] = []
        for i, (narrow, wide) in enumerate(pairwise(widths)):
            stride = 1 if i == len(widths) - 2 else 2  # 64 → 32 → 16 → 8 → 4
            layers += [nn.Conv2d(narrow, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.concept = nn.Linear(widths[-1], concepts)
        self.style = nn.Linear(widths[-1], styles)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Scores before the softmax."""
        x = self.features(pictures).amax(dim=(2, 3))  # (B, 160)
        return self.concept(x), self.style(x)

    @torch.no_grad()
    def embed(self, pictures: Tensor) -> Tensor:
        """Features (B, 160), for distances between pictures."""
        return self.features(pictures).mean(dim=(2, 3))


def tensor(pictures: np.ndarray) -> Tensor:
    """(…, H, W, 3) of 0 to 255 → (…, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.array(pictures)).movedim(-1, -3).contiguous().float() / 127.5 - 1


def halves(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """The left and the right half of pictures, each widened to a square by repeating its edge columns."""
    middle, border = SIZE // 2, SIZE // 4
    return (
        F.pad(pictures[..., :middle], (border, border, 0, 0), mode="replicate"),
        F.pad(pictures[..., middle:], (border, border, 0, 0), mode="replicate"),
    )


def spoil(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Blur and noise of random strength, so that the judge looks at shapes and colours, not at crisp edges."""
    side = int(torch.randint(SIZE // 2, SIZE + 1, (), generator=generator))
    small = F.interpolate(pictures, (side, side), mode="bilinear", antialias=True)
    blurred = F.interpolate(small, (SIZE, SIZE), mode="bilinear")
    strength = 0.12 * torch.rand(len(pictures), 1, 1, 1, generator=generator)
    shift = 0.15 * torch.randn(len(pictures), 3, 1, 1, generator=generator)
    noise = torch.randn(pictures.shape, generator=generator)
    return (blurred + strength * noise + shift * torch.rand((), generator=generator)).clamp(-1, 1)


def examples(bank: Bank, picks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures, concepts and styles; of a picture of two things one half, the left for even indices."""
    pictures, concepts = [], []
    for i in picks.tolist():
        picture = tensor(bank.pictures[i])
        side = i % 2 if len(bank.concepts[i]) == 2 else 0
        pictures.append(halves(picture[None])[side][0] if len(bank.concepts[i]) == 2 else picture)
        concepts.append(bank.concepts[i][side])
    return torch.stack(pictures), torch.tensor(concepts), torch.tensor([bank.styles[i] for i in picks.tolist()])


def run(budget: Budget) -> Judge:
    """Train the judge; returns it with its averaged weights, having printed how it does on held-out pictures."""
    bank = load("train")

    def loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
        pictures, concepts, styles = examples(bank, batch_of(len(bank), BATCH, generator))
        concept, style = model(spoil(pictures, generator))
        return F.cross_entropy(concept, concepts, label_smoothing=0.05) + 0.5 * F.cross_entropy(style, styles)

    torch.manual_seed(0)
    settings = Settings(2e-3, BATCH, weight_decay=0.05, ema=0.995)
    judge = train(Judge(), loss, settings, budget, WORK / "judge.pt")
    assert isinstance(judge, Judge)
    for split in ("test", "whole"):
        concept, style = accuracy(judge, split)
        print(f"judge: {split}: concept {concept:.3f}, style {style:.3f}", flush=True)
    return judge


@torch.no_grad()
def accuracy(judge: Judge, split: str) -> tuple[float, float]:
    """Shares of a split's pictures whose concept and whose style the judge names."""
    bank = load(split)
    pictures, concepts, styles = examples(bank, torch.arange(len(bank)))
    concept, style = judge(pictures)
    return (concept.argmax(1) == concepts).float().mean().item(), (style.argmax(1) == styles).float().mean().item()


def trained() -> Judge:
    """The judge that this stage has made."""
    judge = Judge()
    judge.load_state_dict(torch.load(WORK / "judge.pt", map_location="cpu", weights_only=True)["average"])
    return judge.eval()


def load_judge(folder: Path) -> Judge:
    """The judge that ships with the model in `folder`."""
    judge = Judge()
    weights = {name: value.float() for name, value in load_file(folder / "judge.safetensors").items()}
    judge.load_state_dict(weights, strict=False)  # the norms' counters of batches do not ship
    return judge.eval()
