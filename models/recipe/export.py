"""Stage `export`: everything in half precision under `models/emoji`, in the folder layout of diffusers."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPModel, CLIPTextConfig, CLIPTextModel, PreTrainedModel

from . import captioner as captioner_stage
from . import clip as clip_stage
from . import unet as unet_stage
from . import vae as vae_stage
from . import words as words_stage
from .artwork import WORK
from .judge import trained as trained_judge
from .sampling import SCHEDULER
from .scenes import SIZE
from .tokens import learned_tokenizer
from .training import WEIGHTS, in_eight_bits

MODEL = Path(__file__).parent.parent / "emoji"
NEXT = Path(__file__).parent.parent / "next"

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.30.0",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
VAE_CLASS = {
    "_class_name": "AutoencoderKL",
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "act_fn": "silu",
}
UNET_CLASS = {"_class_name": "UNet2DConditionModel", "act_fn": "silu"}
PREPROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "size": {"height": SIZE, "width": SIZE},
    "do_center_crop": False,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def write_weights(path: Path, model: nn.Module, **facts: str) -> None:
    """Write a network's weights in half precision, and facts on it in the file's metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: value.half().contiguous() for name, value in model.state_dict().items() if value.is_floating_point()}
    save_file(state, path, {"format": "pt", **facts})


def write_transformer(folder: Path, model: PreTrainedModel) -> None:
    """Write a network of transformers in half precision; its config asks for it to be read in full precision."""
    model.half().save_pretrained(folder)
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    bare = isinstance(model, CLIPTextModel) and not any("text_model." in name for name in tensors)
    if bare:  # from some version 5 on; older ones and other tools want the prefix
        save_file({f"text_model.{name}": tensor for name, tensor in tensors.items()}, weights, {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"dtype": "float32"})


def run() -> None:
    """Write the model: tokenizer, text encoder, UNet, VAE, scheduler; beside them CLIP, the captioner and the judge."""
    write_json(MODEL / "model_index.json", INDEX)
    write_json(MODEL / "scheduler" / "scheduler_config.json", SCHEDULER)
    write_json(MODEL / "unet" / "config.json", UNET_CLASS | unet_stage.CONFIG.to_dict())
    write_weights(MODEL / "unet" / "diffusion_pytorch_model.safetensors", unet_stage.trained())
    write_json(MODEL / "vae" / "config.json", VAE_CLASS | vae_stage.CONFIG.to_dict())
    write_weights(MODEL / "vae" / "diffusion_pytorch_model.safetensors", vae_stage.trained())

    learned_tokenizer()
    shutil.copytree(WORK / "tokenizer", MODEL / "tokenizer", dirs_exist_ok=True)
    towers = clip_stage.trained()
    write_transformer(MODEL / "text_encoder", text_encoder(towers))
    write_transformer(MODEL / "clip", towers)
    write_json(MODEL / "clip" / "preprocessor_config.json", PREPROCESSOR)
    shutil.copytree(WORK / "tokenizer", MODEL / "clip", dirs_exist_ok=True)
    write_captioner(MODEL / "captioner")

    write_weights(MODEL / "judge.safetensors", trained_judge(), side=str(SIZE))
    print(f"export: {megabytes():.1f} MB", flush=True)


def keep() -> None:
    """Write what is trained so far to `models/next`, for a training to go on from in another clone (`--from`).

    The UNet, which is to go on, is in eight bits; what is finished is as it will ship.
    """
    stages: dict[str, Callable[[], nn.Module]] = {
        "judge": trained_judge, "vae": vae_stage.trained, "clip": clip_stage.trained,
        "captioner": captioner_stage.trained,
    }  # fmt: skip
    for stage, trained in stages.items():
        if (WORK / f"{stage}.pt").exists():
            write_weights(NEXT / WEIGHTS[stage], trained(), **({"side": str(SIZE)} if stage == "judge" else {}))
    if (WORK / "unet.pt").exists():
        (NEXT / "unet").mkdir(parents=True, exist_ok=True)
        save_file(in_eight_bits(unet_stage.trained().state_dict()), NEXT / WEIGHTS["unet"], {"format": "pt"})
    shutil.copytree(WORK / "tokenizer", NEXT / "tokenizer", dirs_exist_ok=True)


def write_captioner(folder: Path) -> None:
    """Write the captioner with its tokenizer, in BLIP's layout: pictures are squashed to a square of SIZE."""
    write_transformer(folder, captioner_stage.trained())
    write_weights(folder / "model.safetensors", captioner_stage.trained())  # tied ones too: transformers 4 reads each
    write_json(folder / "preprocessor_config.json", PREPROCESSOR | {"image_processor_type": "BlipImageProcessor"})
    shutil.copytree(WORK / "captioner", folder, dirs_exist_ok=True)


def text_encoder(towers: CLIPModel) -> CLIPTextModel:
    """The text tower alone, as a model of its own."""
    config = CLIPTextConfig(**words_stage.TEXT)
    encoder = CLIPTextModel(config)
    own = encoder.state_dict()
    given = {name: value for name, value in towers.state_dict().items() if name.startswith("text_model.")}
    if not own.keys() <= given.keys():  # transformers 5 leaves the prefix out
        given = {name.removeprefix("text_model."): value for name, value in given.items()}
    encoder.load_state_dict(given)
    return encoder.eval()


def megabytes(folder: Path = MODEL) -> float:
    """The size of all weights of a model."""
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors")) / 1e6
