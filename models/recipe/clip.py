"""Stage `clip`: text and picture towers that agree on what belongs together (Radford et al., 2103.00020).

The text tower's states are what the UNet is told; both towers together can rank captions for a picture.

A picture of two things says which stands on which side, and towers that only have to find a picture's caption among
those of other pictures never learn to: the names tell enough. So each caption that tells sides is also there with its
sides exchanged, as one more wrong answer (hard negatives as in NegCLIP, Yuksekgonul et al., 2210.01936).
"""

import random
import re
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from .artwork import WORK
from .data import ALL, DRAWN, Scope, load
from .judge import tensor
from .scenes import SIZE
from .tokens import END_ID, LENGTH, START_ID, VOCABULARY, learned_tokenizer
from .training import Budget, Settings, batch_of, begun, device, train

WIDTH = 160
PROJECTION = 128  # width of what both towers agree in
BATCH = 128

TOWER = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": 4, "num_attention_heads": 4}
SPECIAL = {"bos_token_id": START_ID, "eos_token_id": END_ID, "pad_token_id": END_ID}
TEXT: dict[str, Any] = {
    **TOWER, **SPECIAL, "vocab_size": VOCABULARY, "max_position_embeddings": LENGTH, "projection_dim": PROJECTION,
}  # fmt: skip
VISION: dict[str, Any] = {**TOWER, "image_size": SIZE, "patch_size": 16, "projection_dim": PROJECTION}


SIDES_TOLD = re.compile(r"^(an? .+?) on the left(, an? .+? in the middle)? and (an? .+?) on the right(.*)$")


def new() -> CLIPModel:
    """Untrained towers."""
    torch.manual_seed(0)
    return CLIPModel(CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=PROJECTION))


def exchanged(caption: str) -> str | None:
    """A caption with what stands left and what stands right exchanged; None where it tells no sides."""
    found = SIDES_TOLD.match(caption)
    if found is None:
        return None
    left, middle, right, rest = found.groups(default="")
    return f"{right} on the left{middle} and {left} on the right{rest}"


def run(budget: Budget, source: Path | None = None) -> CLIPModel:
    """Train both towers on pictures and captions of the bank, then encode every caption."""
    bank, tokenizer = load("train"), learned_tokenizer()

    def loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
        picks = batch_of(len(bank), BATCH, generator).tolist()
        rng = random.Random(int(torch.randint(2**31, (), generator=generator)))
        captions = [rng.choice(bank.captions[i]) for i in picks]
        wrong = [other for text in captions if (other := exchanged(text))]
        ids = tokenize(tokenizer, captions + wrong)
        pictures = torch.stack([tensor(bank.pictures[i]) for i in picks])
        scores = model(input_ids=ids.to(device()), pixel_values=pictures.to(device())).logits_per_image.float()
        matches = torch.arange(BATCH, device=device())
        return 0.5 * (F.cross_entropy(scores, matches) + F.cross_entropy(scores[:, :BATCH].T, matches))

    settings = Settings(1e-3, BATCH, weight_decay=0.1, ema=0.998)
    clip = train(begun(new(), source, "clip"), loss, settings, budget, WORK / "clip.pt")
    assert isinstance(clip, CLIPModel)
    print(f"clip: retrieval@1 of 256: {retrieval(clip):.3f}, tells sides: {tells_sides(clip):.3f}", flush=True)
    encode_captions(clip)
    return clip


def tokenize(tokenizer: CLIPTokenizer, captions: list[str], whole: bool = False) -> Tensor:
    """Token ids (B, n) of captions, filled up with the end token to the longest of them, or to all 77."""
    padding = "max_length" if whole else "longest"
    return tokenizer(captions, padding=padding, max_length=LENGTH, truncation=True, return_tensors="pt").input_ids


@torch.no_grad()
def encode_captions(clip: CLIPModel) -> None:
    """Write the text states of each caption that the UNet learns from, the empty one first: (captions, 77, width)."""
    target = WORK / "states.pt"
    if target.exists():
        return
    captions = ["", *sorted({text for texts in load("train").captions[:DRAWN] for text in texts})]
    tokenizer, states = learned_tokenizer(), []
    for i in range(0, len(captions), 64):
        ids = tokenize(tokenizer, captions[i : i + 64], whole=True).to(device())
        states.append(clip.text_model(input_ids=ids).last_hidden_state.bfloat16().cpu())
    torch.save({"captions": captions, "states": torch.cat(states)}, target)


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
    side = clip.config.vision_config.image_size
    seen = pictures if pictures.shape[-1] == side else F.interpolate(pictures, (side, side), mode="area")
    ids = tokenize(learned_tokenizer(), captions)
    return clip(input_ids=ids.to(device()), pixel_values=seen.to(device())).logits_per_image.float().cpu()


@torch.no_grad()
def nearer_than_exchanged(clip: CLIPModel, pictures: Tensor, captions: list[str]) -> Tensor:
    """Whether each picture (B, 3, H, W) is nearer to its caption, which tells sides, than to that exchanged: (B,)."""
    scores = likeness(clip, pictures, captions + [exchanged(text) or text for text in captions])
    count = len(captions)
    return scores[:, :count].diagonal() > scores[:, count:].diagonal()


def trained() -> CLIPModel:
    """The towers that this stage has made."""
    clip = new()
    clip.load_state_dict(torch.load(WORK / "clip.pt", map_location="cpu", weights_only=True)["average"])
    return clip.eval()
