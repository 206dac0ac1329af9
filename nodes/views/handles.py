"""What handles of models tell without loading a weight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import Seen, view
from engine.view import table as as_table

if TYPE_CHECKING:
    from diffusion.checkpoint import CaptionerHandle as Captioner
    from diffusion.checkpoint import CLIPHandle as CLIP
    from diffusion.checkpoint import Handle
    from diffusion.checkpoint import TextEncoderHandle as TextEncoder
    from diffusion.checkpoint import TokenizerHandle as Tokenizer
    from diffusion.checkpoint import UNetHandle as UNet
    from diffusion.checkpoint import VAEHandle as VAE


def facts(handle: Handle) -> Seen:
    """What a handle knows: nothing is loaded, and no folder above the checkpoint's is named."""
    size, changed = handle.stamp
    rows = [
        ("kind", type(handle).__name__.removesuffix("Handle")),
        *fields_of(handle),
        ("bytes", size),
        ("changed", datetime.fromtimestamp(changed // 10**9, UTC).isoformat()),
        *((f"patch {i}", short_identity(patch.identity)) for i, patch in enumerate(handle.patches)),
    ]
    return Seen(lambda: as_table(("name", "value"), rows))


def short_identity(identity: str) -> str:
    """What a patch does, and the beginning of its digest."""
    what, _, digest = identity.rpartition(" ")
    return f"{what} {digest[:12]}"


def fields_of(thing: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a dataclass, and of those in it, as names with dots and JSON; of a path its last two names."""
    for field in fields(thing):
        name, value = f"{prefix}{field.name}", getattr(thing, field.name)
        if field.name in ("stamp", "patches"):
            continue
        if isinstance(value, Path):
            yield name, f"{value.parent.name}/{value.name}"
        elif is_dataclass(value):
            yield from fields_of(value, f"{name}.")
        elif isinstance(value, tuple) and len(value) > 16:
            yield name, f"{len(value)} numbers, {value[0]:.4g} … {value[-1]:.4g}"
        elif isinstance(value, tuple) and any(map(is_dataclass, value)):
            yield name, [dict(fields_of(one)) for one in value]
        else:
            yield name, list(value) if isinstance(value, tuple) else value


@view(name="facts", shows="table")
def unet_facts(unet: UNet) -> Seen:
    """What is known of it before its weights are loaded."""
    return facts(unet)


@view(name="facts", shows="table")
def vae_facts(vae: VAE) -> Seen:
    """What is known of it before its weights are loaded."""
    return facts(vae)


@view(name="facts", shows="table")
def text_encoder_facts(text_encoder: TextEncoder) -> Seen:
    """What is known of it before its weights are loaded."""
    return facts(text_encoder)


@view(name="facts", shows="table")
def tokenizer_facts(tokenizer: Tokenizer) -> Seen:
    """What is known of it before it is loaded."""
    return facts(tokenizer)


@view(name="facts", shows="table")
def clip_facts(clip: CLIP) -> Seen:
    """What is known of it before its weights are loaded."""
    return facts(clip)


@view(name="facts", shows="table")
def captioner_facts(captioner: Captioner) -> Seen:
    """What is known of it before its weights are loaded."""
    return facts(captioner)
