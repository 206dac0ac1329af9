"""Opening checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from engine import File, node
from nodes.paths import CAPTIONER_PARTS, CLIP_PARTS, MODEL_PARTS, find_captioner, find_clip, find_model
from nodes.stages import checkpoint

if TYPE_CHECKING:
    from diffusion.checkpoint import CaptionerHandle as Captioner
    from diffusion.checkpoint import CLIPHandle as CLIP
    from diffusion.checkpoint import TextEncoderHandle as TextEncoder
    from diffusion.checkpoint import TokenizerHandle as Tokenizer
    from diffusion.checkpoint import UNetHandle as UNet
    from diffusion.checkpoint import VAEHandle as VAE


class Model(NamedTuple):
    """The parts of a checkpoint, as handles."""

    unet: UNet
    vae: VAE
    text_encoder: TextEncoder
    tokenizer: Tokenizer


@node
def load_checkpoint(path: Annotated[str, File(find_model, MODEL_PARTS)] = "default") -> Model:
    """Open a Stable Diffusion checkpoint: a folder in the diffusers layout, with safetensors weights.

    Nothing is loaded yet: the parts are handles, and weights come to the device when a call needs them.

    Args:
        path: `default` (the model that ships with Diffuscope), the name of a model in the model folders, or a folder.
    """
    return Model(*checkpoint.open_checkpoint(Path(path)))


@node
def load_clip(path: Annotated[str, File(find_clip, CLIP_PARTS)] = "default") -> CLIP:
    """Open both towers of a CLIP model, which turn pictures and texts into vectors that can be compared.

    Stable Diffusion 1.x reads its prompts with the text tower of openai/clip-vit-large-patch14.

    Args:
        path: `default` (the one that ships with Diffuscope), the name of a model that has a folder `clip`, or a folder
            as transformers saves it, with safetensors weights.
    """
    return checkpoint.open_clip(Path(path))


@node
def load_captioner(path: Annotated[str, File(find_captioner, CAPTIONER_PARTS)] = "default") -> Captioner:
    """Open a network that says what a picture shows, of BLIP's kind.

    Args:
        path: `default` (the one that ships with Diffuscope), the name of a model that has a folder `captioner`, or a
            folder as transformers saves it, with safetensors weights: that of Salesforce/blip-image-captioning-base,
            say.
    """
    return checkpoint.open_captioner(Path(path))
