"""Stage `words`: the text tower learns what captions say; its states are what the UNet is told.

CLIP's own training (`clip.py`) asks only which caption goes with which picture, and for that the names are enough:
which thing stands on which side was told at chance after half an hour. Here the tower is asked what a caption says, by
linear classifiers that read its vector: the concept left, in the middle and right, style and background. It takes
minutes, for there are no pictures, and the tower stays as it is from then on: the picture tower learns to say the same
of pictures.
"""

import random
import re
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from .artwork import CONCEPTS, STYLES, WORK
from .data import DRAWN, load
from .scenes import PALETTE, SIZE
from .tokens import END_ID, LENGTH, START_ID, VOCABULARY, learned_tokenizer
from .training import Budget, Settings, averaged, batch_of, begun, device, train

WIDTH = 160
PROJECTION = 128  # width of what both towers agree in
BATCH = 256

TOWER = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": 4, "num_attention_heads": 4}
SPECIAL = {"bos_token_id": START_ID, "eos_token_id": END_ID, "pad_token_id": END_ID}
TEXT: dict[str, Any] = {
    **TOWER, **SPECIAL, "vocab_size": VOCABULARY, "max_position_embeddings": LENGTH, "projection_dim": PROJECTION,
}  # fmt: skip
VISION: dict[str, Any] = {**TOWER, "image_size": SIZE, "patch_size": 16, "projection_dim": PROJECTION}

QUESTIONS = {
    "left": len(CONCEPTS), "middle": len(CONCEPTS), "right": len(CONCEPTS), "style": len(STYLES),
    "background": len(PALETTE),
}  # fmt: skip
"""What is asked of a caption or a picture, and how many answers there are beside "nothing is said of it"."""
PLACES = {1: (1,), 2: (0, 2), 3: (0, 1, 2)}
"""Of the three places, left to right, those that things take, by how many there are."""
SHARPNESS = 20.0  # by how much vectors of length one are lengthened for the classifiers
BACKGROUND_TOLD = re.compile(r"on a (.+) background")


def new() -> CLIPModel:
    """Untrained towers."""
    torch.manual_seed(0)
    return CLIPModel(CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=PROJECTION))


class Reader(nn.Module):
    """The text tower, and classifiers that read from a vector, be it of a text or of a picture, what it says."""

    def __init__(self, towers: CLIPModel) -> None:
        super().__init__()
        self.text_model, self.text_projection = towers.text_model, towers.text_projection
        self.heads = nn.Linear(PROJECTION, sum(answers + 1 for answers in QUESTIONS.values()))

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (B, n) → vectors of length one (B, 128)."""
        pooled = self.text_model(input_ids=ids).pooler_output
        return F.normalize(self.text_projection(pooled).float(), dim=1)

    def answers(self, vectors: Tensor) -> tuple[Tensor, ...]:
        """Vectors (B, 128) → for each question scores before the softmax, (B, answers + 1), the last for nothing."""
        scores: tuple[Tensor, ...] = self.heads(SHARPNESS * vectors).split([n + 1 for n in QUESTIONS.values()], dim=1)
        return scores

    def misread(self, vectors: Tensor, said: Tensor) -> Tensor:
        """The mean cross entropy of the answers; `said` is (B, questions)."""
        each = [F.cross_entropy(scores, said[:, i]) for i, scores in enumerate(self.answers(vectors))]
        return torch.stack(each).mean()


def places_of(concepts: list[int]) -> list[int]:
    """What stands left, in the middle and right."""
    places = [len(CONCEPTS)] * 3
    for place, concept in zip(PLACES[len(concepts)], concepts, strict=True):
        places[place] = concept
    return places


def said(caption: str, concepts: list[int]) -> list[int]:
    """The right answers on a caption, whose concepts are known."""
    style = next((i for i, name in enumerate(STYLES) if f"{name} style" in caption), len(STYLES))
    found = BACKGROUND_TOLD.search(caption)
    return [*places_of(concepts), style, list(PALETTE).index(found[1]) if found else len(PALETTE)]


def run(budget: Budget, source: Path | None = None) -> Reader:
    """Train the text tower on the bank's captions."""
    bank, tokenizer = load("train"), learned_tokenizer()

    def loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
        assert isinstance(model, Reader)
        rng = random.Random(int(torch.randint(2**31, (), generator=generator)))
        told = [
            (rng.choice(bank.captions[i]), bank.concepts[i]) for i in batch_of(len(bank), BATCH, generator).tolist()
        ]
        ids = tokenize(tokenizer, [text for text, _ in told]).to(device())
        return model.misread(model(ids), torch.tensor([said(*each) for each in told], device=device()))

    settings = Settings(1e-3, BATCH, weight_decay=0.01, warmup=50, ema=0.99)
    reader = begun(begun(Reader(new()), source, "text_encoder"), source, "words")
    reader = train(reader, loss, settings, budget, WORK / "words.pt")
    assert isinstance(reader, Reader)
    print(f"words: read of held-out captions: {read(reader)}", flush=True)
    return reader


def tokenize(tokenizer: CLIPTokenizer, captions: list[str], whole: bool = False) -> Tensor:
    """Token ids (B, n) of captions, filled up with the end token to the longest of them, or to all 77."""
    padding = "max_length" if whole else "longest"
    return tokenizer(captions, padding=padding, max_length=LENGTH, truncation=True, return_tensors="pt").input_ids


@torch.no_grad()
def read(reader: Reader, count: int = 500) -> dict[str, float]:
    """The share of held-out captions of which each question is answered rightly."""
    bank = load("test")
    captions = [texts[0] for texts in bank.captions[:count]]
    right = torch.tensor([said(text, bank.concepts[i]) for i, text in enumerate(captions)])
    scores = reader.answers(reader(tokenize(learned_tokenizer(), captions).to(device())))
    found = torch.stack([each.argmax(1).cpu() for each in scores], 1) == right
    return dict(zip(QUESTIONS, [round(share, 3) for share in found.float().mean(0).tolist()], strict=True))


@torch.no_grad()
def encode_captions() -> None:
    """Write the text states (captions, 77, width) of what the UNet learns from, the empty caption first, if need be."""
    target = WORK / "states.pt"
    if target.exists():
        return
    captions = ["", *sorted({text for texts in load("train").captions[:DRAWN] for text in texts})]
    reader, tokenizer, states = trained().to(device()), learned_tokenizer(), []
    for i in range(0, len(captions), 64):
        ids = tokenize(tokenizer, captions[i : i + 64], whole=True).to(device())
        states.append(reader.text_model(input_ids=ids).last_hidden_state.bfloat16().cpu())
    torch.save({"captions": captions, "states": torch.cat(states)}, target)


def trained() -> Reader:
    """The text tower that this stage has made, with what reads from its vectors."""
    reader = Reader(new())
    reader.load_state_dict(averaged(WORK / "words.pt"))
    return reader.eval()
