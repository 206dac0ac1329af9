"""Stable Diffusion 1.5 without its weights: its scheduler_config.json, and parts of its shapes."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import CLIPTextConfig, CLIPTextModel

from diffusion import runtime
from diffusion.checkpoint import TextEncoderHandle, UNetHandle
from diffusion.schedules import Training
from diffusion.unet import UNet, UNetConfig

SD = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "timestep_spacing": "leading",
    "clip_sample": False,
}
"""What samplers and schedules are compared by."""

TEXT = {
    "vocab_size": 49408, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
    "num_attention_heads": 12,
}  # fmt: skip


def random_parts() -> tuple[UNetHandle, TextEncoderHandle]:
    """Handles for which the current runtime's store has random weights of Stable Diffusion's shapes."""
    unet = UNetHandle(Path("unet"), (0, 0), UNetConfig(), Training.from_config(SD))
    encoder = TextEncoderHandle(Path("text_encoder"), (0, 0), rows=TEXT["vocab_size"], width=TEXT["hidden_size"])
    torch.manual_seed(0)
    store = runtime.current().weights
    store.get(unet.identity(), lambda: UNet(UNetConfig()).eval().requires_grad_(False))
    store.get(encoder.identity(), lambda: CLIPTextModel(CLIPTextConfig(**TEXT)).eval().requires_grad_(False))
    return unet, encoder
