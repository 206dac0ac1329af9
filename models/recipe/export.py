"""Stage `export`: everything in half precision under `models/emoji`, in the folder layout of diffusers."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedModel

from . import captioner as captioner_stage
from . import clip as clip_stage
from . import unet as unet_stage
from . import vae as vae_stage
from . import words as words_stage
from .artwork import WORK
from .judge import trained as trained_judge
from .sampling import SCHEDULER
from .scenes import SIZE
from .training import WEIGHTS

Network = TypeVar("Network", bound=nn.Module)

MODEL = Path(__file__).parent.parent / "emoji"

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
    """Write a network's weights in half precision, tied ones each by itself, and facts on it in the metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    floats = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
    state = {name: value.half().clone(memory_format=torch.contiguous_format) for name, value in floats.items()}
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


def short(model: Network, bits: int = 6) -> Network:
    """The network with so many significant bits in its weights: zeros compress, and it draws no worse."""
    weights = {name: torch.frexp(value.float()) for name, value in model.state_dict().items()}
    model.load_state_dict(
        {name: torch.ldexp((part * 2**bits).round() / 2**bits, power) for name, (part, power) in weights.items()}
    )
    return model


def run() -> None:
    """Write what is trained: tokenizer, text encoder, UNet, VAE, scheduler; beside them CLIP, the captioner, the judge.

    Of a part that has no checkpoint, what is there stays.
    """
    write_json(MODEL / "model_index.json", INDEX)
    write_json(MODEL / "scheduler" / "scheduler_config.json", SCHEDULER)
    for stage, write in WRITERS.items():
        if (WORK / f"{stage}.pt").exists():
            write(MODEL)
    write_account(MODEL)
    print(f"export: {megabytes():.1f} MB", flush=True)


def write_account(folder: Path) -> None:
    """Write what each stage took, by the last line of its log and with what its weights had taken before (`remember`).

    Of stages without a log, what is there stays.
    """
    account = account_of(folder)
    for stage in WRITERS:
        log, earlier = WORK / f"{stage}.log", WORK / f"{stage}.before.json"
        if log.exists():
            last = json.loads(log.read_text().splitlines()[-1])
            before = json.loads(earlier.read_text()) if earlier.exists() else {}
            sums = {fact: round(last[fact] + before.get(fact, 0), 2) for fact in ("samples", "minutes")}
            account[stage] = sums | {"loss": last["loss"]}
    write_json(folder / "training.json", account)


def account_of(folder: Path) -> dict[str, Any]:
    """What each stage took to make the weights in a model's folder."""
    path = folder / "training.json"
    account: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return account


def remember(folder: Path, stage: str) -> None:
    """Keep what the weights in `folder` took, if the stage has no checkpoint yet and so is about to begin with them."""
    account = account_of(folder)
    if stage in account and not (WORK / f"{stage}.pt").exists():
        write_json(WORK / f"{stage}.before.json", account[stage])


def write_unet(folder: Path) -> None:
    """Write the UNet."""
    write_json(folder / "unet" / "config.json", UNET_CLASS | unet_stage.CONFIG.to_dict())
    write_weights(folder / WEIGHTS["unet"], short(unet_stage.trained()))


def write_vae(folder: Path) -> None:
    """Write the VAE."""
    write_json(folder / "vae" / "config.json", VAE_CLASS | vae_stage.CONFIG.to_dict())
    write_weights(folder / WEIGHTS["vae"], vae_stage.trained())


def write_text_encoder(folder: Path) -> None:
    """Write the text tower alone, the tokenizer, and what reads from the tower's vectors, for a training to go on."""
    shutil.copytree(WORK / "tokenizer", folder / "tokenizer", dirs_exist_ok=True)
    reader = words_stage.trained()
    write_transformer(folder / "text_encoder", text_encoder(reader))
    heads = nn.ModuleDict({"text_projection": reader.text_projection, "heads": reader.heads})
    write_weights(folder / WEIGHTS["words"], heads)


def write_clip(folder: Path) -> None:
    """Write both towers, with a tokenizer of their own."""
    write_transformer(folder / "clip", short(clip_stage.trained()))
    write_json(folder / "clip" / "preprocessor_config.json", PREPROCESSOR)
    shutil.copytree(WORK / "tokenizer", folder / "clip", dirs_exist_ok=True)


def write_captioner(folder: Path) -> None:
    """Write the captioner with its tokenizer, in BLIP's layout: pictures are squashed to a square of SIZE."""
    captioner = short(captioner_stage.trained())
    write_transformer(folder / "captioner", captioner)
    write_weights(folder / WEIGHTS["captioner"], captioner)  # tied ones too: transformers 4 reads each
    preprocessor = PREPROCESSOR | {"image_processor_type": "BlipImageProcessor"}
    write_json(folder / "captioner" / "preprocessor_config.json", preprocessor)
    shutil.copytree(WORK / "captioner", folder / "captioner", dirs_exist_ok=True)


def write_judge(folder: Path) -> None:
    """Write the judge, and the size of pictures that it learned from."""
    write_weights(folder / WEIGHTS["judge"], trained_judge(), side=str(SIZE))


WRITERS: dict[str, Callable[[Path], None]] = {
    "words": write_text_encoder, "unet": write_unet, "vae": write_vae, "clip": write_clip,
    "captioner": write_captioner, "judge": write_judge,
}  # fmt: skip
"""For each stage that leaves something, what writes it into a model's folder."""


def text_encoder(reader: words_stage.Reader) -> CLIPTextModel:
    """The text tower alone, as a model of its own."""
    encoder = CLIPTextModel(CLIPTextConfig(**words_stage.TEXT))
    given = reader.text_model.state_dict()
    bare = not any(name.startswith("text_model.") for name in encoder.state_dict())  # from some version 5 on
    encoder.load_state_dict(given if bare else {f"text_model.{name}": value for name, value in given.items()})
    return encoder.eval()


def megabytes(folder: Path = MODEL) -> float:
    """The size of all weights of a model."""
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors")) / 1e6
