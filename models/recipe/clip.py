"""Stage `clip`: text and picture towers that agree on what belongs together (Radford et al., 2103.00020).

The text tower's states are what the UNet is told; both towers together can rank captions for a picture.
"""

import random

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel

from .artwork import WORK
from .data import load
from .judge import tensor
from .scenes import SIZE
from .tokens import END_ID, LENGTH, START_ID, VOCABULARY, tokenizer
from .training import Budget, Settings, batch_of, device, half, train

WIDTH = 160
BATCH = 128

TOWER = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": 4, "num_attention_heads": 4}
SPECIAL = {"bos_token_id": START_ID, "eos_token_id": END_ID, "pad_token_id": END_ID}
CONFIG = {
    "projection_dim": 128,
    "text_config": {**TOWER, **SPECIAL, "vocab_size": VOCABULARY, "max_position_embeddings": LENGTH, "projection_dim": 128},
    "vision_config": {**TOWER, "image_size": SIZE, "patch_size": 8, "projection_dim": 128},
}


def new() -> CLIPModel:
    """Untrained towers."""
    torch.manual_seed(0)
    return CLIPModel(CLIPConfig(**CONFIG))


def tokenize(captions: list[str], length: int | None = None) -> Tensor:
    """Token ids (B, n), padded with the end token to the longest caption or to `length`."""
    padding = {"padding": "max_length", "max_length": length} if length else {"padding": "longest"}
    return tokenizer_once()(captions, truncation=True, return_tensors="pt", **padding).input_ids


def tokenizer_once(kept: list = []) -> "object":  # noqa: B006
    raise NotImplementedError


def run(budget: Budget) -> CLIPModel:
    """Train both towers on pictures and captions of the bank."""
    bank = load("train")

    def loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
        picks = batch_of(len(bank), BATCH, generator).tolist()
        rng = random.Random(int(torch.randint(2**31, (), generator=generator)))
        ids = tokenize([rng.choice(bank.captions[i]) for i in picks]).to(device())
        pictures = torch.stack([tensor(bank.pictures[i]) for i in picks]).to(device())
        return similarity_loss(model, ids, pictures)

    clip = train(new(), loss, Settings(1e-3, BATCH, weight_decay=0.1, ema=0.998), budget, WORK / "clip.pt")
    print(f"clip: retrieval@1 of 256: {retrieval(clip):.3f}", flush=True)
    return clip
