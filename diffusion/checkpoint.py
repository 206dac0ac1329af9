"""Checkpoints in the diffusers folder layout, as handles: light values that stand for weights.

A handle knows a folder and a config. Weights are memory-mapped from safetensors, and brought to the device, when a call
first needs them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from diffusion import runtime
from diffusion.blocks import ConfigError
from diffusion.patches import NewRows, Patch
from diffusion.schedules import Training
from diffusion.text import NewWord
from diffusion.unet import UNet, UNetConfig
from diffusion.vae import VAE, VAEConfig, current_names

if TYPE_CHECKING:
    from transformers import (
        BertTokenizerFast,
        BlipForConditionalGeneration,
        CLIPModel,
        CLIPTextModel,
        CLIPTokenizerFast,
    )

Network = TypeVar("Network", UNet, VAE)

WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors",
           "model.safetensors", "model.fp16.safetensors")  # fmt: skip
"""The names a weight file may have, in the order in which they are looked for."""


class CheckpointError(ValueError):
    """A checkpoint folder is incomplete, damaged, or of a kind that is not supported; names the file."""


@dataclass(frozen=True)
class Handle:
    """A part of a checkpoint: its folder, and the stamp by which a change of its file is seen."""

    folder: Path
    stamp: tuple[int, int]
    """Size and time of change of the weight file."""
    patches: tuple[Patch, ...] = field(default=(), kw_only=True)
    """What is changed after loading, in this order."""

    def patched(self, *patches: Patch) -> Self:
        """The same part with further changes."""
        return replace(self, patches=self.patches + patches)

    def identity(self) -> tuple[Any, ...]:
        """What the store of weights knows it by."""
        place = runtime.current()
        changes = tuple(patch.identity for patch in self.patches)
        return (type(self).__name__, str(self.folder), self.stamp, str(place.device), str(place.dtype), changes)


@dataclass(frozen=True)
class UNetHandle(Handle):
    """A UNet, with the noise levels it was trained on."""

    config: UNetConfig
    training: Training

    def load(self) -> UNet:
        """The live network, on the device."""
        return _live(self, lambda: _filled(UNet, self.config, self.folder))


@dataclass(frozen=True)
class VAEHandle(Handle):
    """A variational autoencoder."""

    config: VAEConfig

    def load(self) -> VAE:
        """The live network, on the device."""
        return _live(self, lambda: _filled(VAE, self.config, self.folder))


@dataclass(frozen=True)
class TextEncoderHandle(Handle):
    """CLIP's text encoder.

    rows: of its table of token embeddings, as the checkpoint has it.
    width: of the table and of its states, 768 in Stable Diffusion 1.x.
    """

    rows: int
    width: int

    @property
    def all_rows(self) -> int:
        """The rows of the table with the words that were added."""
        return self.rows + sum(len(patch.vectors) for patch in self.patches if isinstance(patch, NewRows))

    def load(self) -> CLIPTextModel:
        """The live network, on the device."""
        return _live(self, lambda: _transformer("CLIPTextModel", self.folder, "CLIP's text encoder"))


@dataclass(frozen=True)
class TokenizerHandle(Handle):
    """CLIP's tokenizer: a vocabulary and the merges that lead to it, and words that were added."""

    new_words: tuple[NewWord, ...] = ()

    def load(self) -> CLIPTokenizerFast:
        """The live tokenizer."""
        return _tokenizer(self.folder, self.stamp)


RGB = tuple[float, float, float]


@dataclass(frozen=True)
class PictureHandle(Handle):
    """A network that is shown pictures, and how it wants them.

    size: width and height of the pictures it reads.
    mean, std: of each colour, in [0, 1], by which they are normalised.
    """

    size: int
    mean: RGB
    std: RGB


@dataclass(frozen=True)
class CLIPHandle(PictureHandle):
    """Both towers of CLIP, for pictures and for words."""

    tokenizer: TokenizerHandle

    def load(self) -> CLIPModel:
        """The live towers, on the device."""
        return _live(self, lambda: _transformer("CLIPModel", self.folder, "CLIP"))


@dataclass(frozen=True)
class CaptionerHandle(PictureHandle):
    """A network that says what a picture shows, of BLIP's kind (Li et al., 2201.12086)."""

    def load(self) -> BlipForConditionalGeneration:
        """The live network, on the device."""
        return _live(self, lambda: _transformer("BlipForConditionalGeneration", self.folder, "a captioner"))

    def load_tokenizer(self) -> BertTokenizerFast:
        """The live tokenizer, BERT's."""
        return _tokenizer(self.folder, self.stamp, "Bert")


class Checkpoint(NamedTuple):
    """The parts of a Stable Diffusion checkpoint."""

    unet: UNetHandle
    vae: VAEHandle
    text_encoder: TextEncoderHandle
    tokenizer: TokenizerHandle


def open_checkpoint(folder: Path) -> Checkpoint:
    """Open a folder in the diffusers layout: configs are read and checked, weight files looked at, nothing loaded.

    Raises:
        CheckpointError: a file is missing, truncated, or no safetensors file; or the model is of a kind not supported.
    """
    if not (folder / "model_index.json").is_file():
        raise CheckpointError(f"{folder.name}: expected a folder with model_index.json (diffusers layout), found none")
    try:
        training = Training.from_config(read_json(folder / "scheduler" / "scheduler_config.json"))
        unet = UNetConfig.from_dict(read_json(folder / "unet" / "config.json"))
        vae = VAEConfig.from_dict(read_json(folder / "vae" / "config.json"))
        text = read_json(folder / "text_encoder" / "config.json")
        rows, width = int(text.get("vocab_size", 49408)), int(text.get("hidden_size", 512))  # CLIPTextConfig's defaults
    except CheckpointError:
        raise
    except (ConfigError, ValueError, TypeError) as error:
        raise CheckpointError(f"{folder.name}: not a model that is supported: {error}") from None
    return Checkpoint(
        UNetHandle(folder / "unet", _stamp(weight_file(folder / "unet")), unet, training),
        VAEHandle(folder / "vae", _stamp(weight_file(folder / "vae")), vae),
        TextEncoderHandle(folder / "text_encoder", _stamp(weight_file(folder / "text_encoder")), rows, width),
        open_tokenizer(folder / "tokenizer"),
    )


def open_tokenizer(folder: Path) -> TokenizerHandle:
    """CLIP's tokenizer in a folder; `CheckpointError` if its files are not all there."""
    vocabulary = next((folder / n for n in ("vocab.json", "tokenizer.json") if (folder / n).is_file()), None)
    if vocabulary is None or (vocabulary.name == "vocab.json" and not (folder / "merges.txt").is_file()):
        found = "no merges.txt" if vocabulary else "neither"
        where = f"{folder.parent.name}/{folder.name}"
        raise CheckpointError(f"{where}: expected vocab.json and merges.txt, found {found}")
    return TokenizerHandle(folder, _stamp(vocabulary))


OPENAI_MEAN, OPENAI_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that OpenAI's CLIP was trained on; what a folder without preprocessor_config.json means."""


def open_clip(folder: Path) -> CLIPHandle:
    """Open a folder with both towers of CLIP and its tokenizer, as transformers saves them; nothing is loaded.

    Raises:
        CheckpointError: a file is missing, truncated, or no safetensors file; or the model is no CLIP.
    """
    wanted = _wanted_pictures("clip", folder, 224)
    return CLIPHandle(folder, _stamp(weight_file(folder)), *wanted, open_tokenizer(folder))


def open_captioner(folder: Path) -> CaptionerHandle:
    """Open a folder with a captioner, as transformers saves BLIP: `Salesforce/blip-image-captioning-base`, say.

    Nothing is loaded.

    Raises:
        CheckpointError: a file is missing, truncated, or no safetensors file; or the model is no BLIP.
    """
    wanted = _wanted_pictures("blip", folder, 384)
    if not any((folder / name).is_file() for name in ("vocab.txt", "tokenizer.json")):
        where = f"{folder.parent.name}/{folder.name}"
        raise CheckpointError(f"{where}: expected vocab.txt or tokenizer.json, found neither")
    return CaptionerHandle(folder, _stamp(weight_file(folder)), *wanted)


def _wanted_pictures(kind: str, folder: Path, usual: int) -> tuple[int, RGB, RGB]:
    """Size, means and deviations of the pictures that a network of transformers wants; `usual` is its kind's size."""
    config = read_json(folder / "config.json")
    found, vision = config.get("model_type"), config.get("vision_config", {})
    if found != kind or not isinstance(vision, dict):
        raise CheckpointError(f"{folder.name}/config.json: expected model_type {kind}, found {found!r}")
    given = folder / "preprocessor_config.json"
    shown = read_json(given) if given.is_file() else {}
    try:
        size = int(vision.get("image_size", usual))
        mean, std = (tuple(map(float, shown.get(name, default)))
                     for name, default in (("image_mean", OPENAI_MEAN), ("image_std", OPENAI_STD)))  # fmt: skip
        if not (len(mean) == len(std) == 3 and min(std) > 0):
            raise ValueError(f"expected three means and three deviations above 0, found {mean}, {std}")
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{folder.name}: not a model that is supported: {error}") from None
    return size, mean, std


def weight_file(folder: Path) -> Path:
    """The safetensors file of a part; `CheckpointError` if there is none or its header does not fit its length."""
    where = f"{folder.parent.name}/{folder.name}"
    for name in WEIGHTS:
        path = folder / name
        if path.is_file():
            with _complaints(path):
                safe_open(path, framework="pt").__enter__().keys()
            return path
    hint = "only safetensors is read, never pickle (.bin, .ckpt)" if any(folder.glob("*.bin")) else "download it again?"
    raise CheckpointError(f"{where}: expected {WEIGHTS[0]} or {WEIGHTS[2]}, found neither; {hint}")


def _filled(make: type[Network], config: Any, folder: Path) -> Network:
    """A network whose parameters are the mapped tensors of its file."""
    path = weight_file(folder)
    with _complaints(path):
        state = load_file(path)
    if make is VAE:
        state = current_names(state)
    try:
        with torch.device("meta"):
            network = make(config)
    except (TypeError, ValueError, IndexError) as error:
        raise CheckpointError(f"{folder.parent.name}/{folder.name}/config.json: no network of it: {error}") from None
    _expect_same(network.state_dict(), state, path)
    network.load_state_dict(state, assign=True)
    return network


def _transformer(name: str, folder: Path, what: str) -> Any:
    """A network of transformers, without its progress bar, and with no tensor left at random."""
    import transformers

    path = weight_file(folder)
    where = f"{folder.parent.name}/{folder.name}/{path.name}"
    with _quiet_transformers():
        try:
            model, report = getattr(transformers, name).from_pretrained(
                folder, variant="fp16" if ".fp16." in path.name else None, local_files_only=True, use_safetensors=True,
                ignore_mismatched_sizes=True, output_loading_info=True,
            )  # fmt: skip
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(f"{where}: cannot be loaded as {what}: {error}") from None
    missing = sorted({*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])})
    if missing:
        names = ", ".join(missing[:4])
        count = f"{len(missing)} tensors missing or of another shape"
        raise CheckpointError(f"{where}: does not fit its config.json: {count} ({names} …)")
    return model


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """No progress bars and no reports; errors are raised all the same."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _expect_same(expected: Mapping[str, Tensor], found: dict[str, Tensor], path: Path) -> None:
    where = f"{path.parent.parent.name}/{path.parent.name}/{path.name}"
    missing, extra = expected.keys() - found.keys(), found.keys() - expected.keys()
    if missing or extra:
        names = ", ".join([*(f"-{n}" for n in sorted(missing)), *(f"+{n}" for n in sorted(extra))][:4])
        count = f"{len(missing)} tensors missing, {len(extra)} unknown"
        raise CheckpointError(f"{where}: does not fit its config.json: {count} ({names} …)")
    for name, tensor in expected.items():
        if found[name].shape != tensor.shape:
            if found[name].numel() == tensor.numel():  # a linear layer stored as a 1×1 convolution, or the reverse
                found[name] = found[name].reshape(tensor.shape)
                continue
            shapes = f"expected shape {tuple(tensor.shape)}, found {tuple(found[name].shape)}"
            raise CheckpointError(f"{where}: {name}: {shapes}")


def _live(handle: Handle, load: Any) -> Any:
    """The handle's module from the store of weights, on the device, in the runtime's type, ready to infer.

    A patched module shares what is not changed with the one it comes from, which is kept beside it.
    """
    place = runtime.current()

    def bring() -> nn.Module:
        if handle.patches:
            *before, last = handle.patches
            return last.on(_live(replace(handle, patches=tuple(before)), load)).eval().requires_grad_(False)
        module: nn.Module = load().to(device=place.device, dtype=place.dtype).eval().requires_grad_(False)
        return module

    return place.weights.get(handle.identity(), bring)


@lru_cache(maxsize=8)
def _tokenizer(folder: Path, stamp: tuple[int, int], kind: str = "CLIP") -> Any:
    import transformers

    with _quiet_transformers():
        try:
            return getattr(transformers, f"{kind}TokenizerFast").from_pretrained(folder, local_files_only=True)
        except Exception as error:  # the tokenizers library raises no narrower class
            where = f"{folder.parent.name}/{folder.name}"
            raise CheckpointError(f"{where}: cannot be read as {kind}'s: {error}") from None


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; `CheckpointError` if it is not there, or something else."""
    where = "/".join(path.parts[-3:])
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{where}: expected a file, found none") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{where}: expected JSON, found otherwise: {error}") from None
    if not isinstance(data, dict):
        raise CheckpointError(f"{where}: expected a JSON object, found {type(data).__name__}")
    return data


@contextmanager
def _complaints(path: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, OSError) as error:
        where = "/".join(path.parts[-3:])
        raise CheckpointError(f"{where}: expected a whole safetensors file: {error}; download it again?") from None
