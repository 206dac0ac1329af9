"""LoRA files: those of diffusers and of kohya's sd-scripts, which most other programs write and read too.

Both are safetensors, with a tensor for each factor; they differ in how a layer's name is written and where alpha is.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from diffusion.lora import Factors, Lora, LoraError, canonical

Layout = Literal["diffusers", "kohya"]

# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

ROLES = {
    "lora_A": "down", "lora_B": "up", "lora.down": "down", "lora.up": "up", "lora_linear_layer.down": "down",
    "lora_linear_layer.up": "up", "lora_down": "down", "lora_up": "up",
}  # fmt: skip
"""What the factors are called by peft, diffusers and kohya."""

DIFFUSERS = re.compile(r"(?:(unet|text_encoder)\.)?(.+?)[._](lora_[AB]|lora(?:_linear_layer)?\.(?:down|up))\.weight")
"""`unet.….to_q.lora_A.weight`; before 2023's end `unet.….to_q.lora.down.weight`, and before its summer
`….attn1.processor.to_q_lora.down.weight`."""
KOHYA = re.compile(r"lora_(unet|te)_(\w+)\.(?:(lora_down|lora_up)\.weight|alpha)")
"""`lora_unet_….lora_down.weight`, with `lora_unet_….alpha` beside it."""
LARGER = re.compile(
    r"lora_te[12]_|text_encoder_2\.|transformer\.|lora_transformer_|lora_unet_(in|out)put_blocks|lora_unet_middle_block"
)
"""How layers begin that Stable Diffusion 1 and 2 do not have: a second text encoder, or the names of SDXL's authors."""

WITH_UNDERSCORES = (
    "down_blocks", "mid_block", "up_blocks", "transformer_blocks", "to_q", "to_k", "to_v", "to_out", "proj_in",
    "proj_out", "conv_in", "conv_out", "conv_shortcut", "time_embedding", "time_emb_proj", "linear_1", "linear_2",
    "text_model", "self_attn", "q_proj", "k_proj", "v_proj", "out_proj",
)  # fmt: skip
"""The parts of layers' names in which an underscore stands for itself."""

OLD_TEXT_NAMES = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}


def dotted(name: str) -> str:
    """A layer's path of which kohya has made an identifier: `mid_block_attentions_0_proj_in` with its dots."""
    return ".".join(re.findall("|".join((*WITH_UNDERSCORES, "[^_]+")), name))


def parsed(key: str) -> tuple[str, str]:
    """The canonical name of a layer, and `down`, `up` or `alpha`, from the name of a tensor.

    Raises:
        LoraError: it is no tensor of a LoRA, or of a kind or model that is not supported.
    """
    if LARGER.match(key):
        raise LoraError(
            f"{key}: expected a layer of Stable Diffusion 1 or 2, found one of SDXL or another larger model"
        )
    if found := KOHYA.fullmatch(key):
        part, name, role = found.groups(default="alpha")
        return canonical("unet" if part == "unet" else "text_encoder", dotted(name)), ROLES.get(role, role)
    if found := DIFFUSERS.fullmatch(key):
        part, path, role = found.groups(default="unet")
        *before, last = path.replace(".processor.", ".").split(".")
        if part == "text_encoder":
            last = OLD_TEXT_NAMES.get(last, last)
        return canonical(part, ".".join([*before, "to_out.0" if last == "to_out" else last])), ROLES[role]
    if re.search(r"\.(hada_|lokr_|oft_|dora_scale|lora_mid|lora_magnitude_vector)", key):
        raise LoraError(f"{key}: expected plain LoRA, found LoHa, LoKr, DoRA, OFT, or a third factor")
    raise LoraError(f"{key}: expected a LoRA (….lora_A.weight, ….lora_down.weight), found another tensor")


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_lora(path: Path) -> Lora:
    """Read a LoRA in either layout, under today's names or older ones.

    Where a file says nothing of alpha, it is the rank. What it says is read from kohya's tensors, or from the metadata
    that diffusers writes since 2025.

    Raises:
        LoraError: it is no safetensors file, not whole, no LoRA, or of a kind or model that is not supported.
    """
    if path.suffix != ".safetensors":
        raise LoraError(f"{path.name}: expected a .safetensors file; pickle (.bin, .pt) is never read")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no mapping
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise LoraError(f"{path.name}: expected a whole safetensors file: {error}; download it again?") from None
    try:
        return assembled(tensors, metadata)
    except LoraError as error:
        raise LoraError(f"{path.name}: {error}") from None


def assembled(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Lora:
    """A LoRA from the tensors and the metadata of a file; `LoraError` if it is none."""
    layers: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for key, tensor in tensors.items():
        name, role = parsed(key)
        layers[name][role] = tensor.float()
    for name, found in layers.items():
        if not {"down", "up"} <= found.keys():
            raise LoraError(f"{name}: expected both factors, found {' and '.join(sorted(found))}")
    noted = noted_config(metadata)
    factors = {}
    for name, found in layers.items():
        rank = found["down"].shape[:1].numel()
        alpha = float(found["alpha"]) if "alpha" in found else noted_alpha(noted, name, rank)
        factors[name] = Factors(found["down"], found["up"], alpha)
    return Lora(factors)


def noted_config(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What diffusers notes of each part's LoraConfig (peft), `unet.lora_alpha` and so on; empty where it does not."""
    try:
        noted = json.loads(metadata.get("lora_adapter_metadata", "{}"))
    except ValueError:
        noted = None
    if not isinstance(noted, dict):
        raise LoraError("lora_adapter_metadata: expected a JSON object, found otherwise")
    return noted


def noted_alpha(noted: Mapping[str, Any], name: str, rank: int) -> float:
    """The alpha of a layer by what was noted, or its rank; peft's rank-stabilised scale is alpha / √r (2312.03732)."""
    part, _, path = name.partition(".")
    try:
        patterns = noted.get(f"{part}.alpha_pattern") or {}
        special = (alpha for end, alpha in patterns.items() if re.fullmatch(rf"(.*\.)?({end})", path))
        alpha = float(next(special, noted.get(f"{part}.lora_alpha", rank)))
    except (AttributeError, TypeError, ValueError, re.error) as error:
        raise LoraError(f"lora_adapter_metadata: expected an alpha for {name}, found otherwise: {error}") from None
    return alpha * math.sqrt(rank) if noted.get(f"{part}.use_rslora") else alpha


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_lora(path: Path, lora: Lora, layout: Layout = "diffusers") -> None:
    """Write a LoRA as safetensors.

    Args:
        path: of the file.
        lora: to be kept.
        layout: `diffusers` has nowhere to put alpha that every version reads, so alpha / r is multiplied into `up`;
            `kohya` writes it beside the factors.
    """
    save_file(dict(named(lora, layout)), path, metadata={"format": "pt"})


def named(lora: Lora, layout: Layout) -> dict[str, Tensor]:
    """The tensors of a file, by name."""
    tensors = {}
    for name, one in lora.factors.items():
        if layout == "diffusers":
            tensors[f"{name}.lora_A.weight"] = one.down.contiguous()
            tensors[f"{name}.lora_B.weight"] = (one.up * (one.alpha / one.rank)).contiguous()
        else:
            part, _, layer = name.partition(".")
            key = f"lora_{'unet' if part == 'unet' else 'te'}_{layer.replace('.', '_')}"
            tensors[f"{key}.lora_down.weight"] = one.down.contiguous()
            tensors[f"{key}.lora_up.weight"] = one.up.contiguous()
            tensors[f"{key}.alpha"] = torch.tensor(one.alpha)
    return tensors
