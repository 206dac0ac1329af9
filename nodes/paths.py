"""Where files are looked for: pictures beside the workflow, models in the model folders."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from engine.errors import shown, suggest

MODEL_PARTS = (
    "model_index.json", "scheduler/*.json", "tokenizer/*", "text_encoder/config.json", "unet/config.json",
    "vae/config.json", "text_encoder/model*.safetensors", "unet/diffusion_pytorch_model*.safetensors",
    "vae/diffusion_pytorch_model*.safetensors",
)  # fmt: skip
"""The files of a checkpoint folder that decide what it computes."""

CLIP_PARTS = ("config.json", "preprocessor_config.json", "model*.safetensors", "vocab.json", "merges.txt",
              "tokenizer*.json", "special_tokens_map.json")  # fmt: skip
"""The files of a CLIP folder that decide what it computes."""

CAPTIONER_PARTS = ("config.json", "preprocessor_config.json", "model*.safetensors", "vocab.txt", "tokenizer*.json",
                   "special_tokens_map.json")  # fmt: skip
"""The files of a captioner's folder that decide what it says."""


LONGEST_PATH, LONGEST_NAME = 1000, 255
"""Bytes that may be written for a path, and that file systems allow for one name in it."""


def expanded(text: str) -> Path:
    """What is written as a path; `~` stands for the home folder, where there is one.

    Raises:
        FileNotFoundError: nothing can have this path.
    """
    data = os.fsencode(text)
    if b"\0" in data or len(data) > LONGEST_PATH or any(len(name) > LONGEST_NAME for name in data.split(b"/")):
        raise FileNotFoundError(f"expected a path, found none: {shown(text)}")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # of a user who is not known here
        return Path(text)


@lru_cache
def shipped(package: str) -> tuple[Path, ...]:
    """Where the files of a package lie; it is not imported."""
    spec = importlib.util.find_spec(package)
    return tuple(Path(place) for place in (spec.submodule_search_locations or ())) if spec else ()


def find_file(text: str, folder: Path) -> Path:
    """A file by its path: absolute, beside the workflow, in the working directory, or beside the shipped workflows.

    Raises:
        FileNotFoundError: it is in none of these places.
    """
    return find(text, folder, "file", Path.is_file)


def find_folder(text: str, folder: Path) -> Path:
    """A folder by its path, in the same places.

    Raises:
        FileNotFoundError: it is in none of these places.
    """
    return find(text, folder, "folder", Path.is_dir)


def find(text: str, folder: Path, what: str, fits: Callable[[Path], bool]) -> Path:
    """The first that fits of the places that a path may mean; `what` is what is looked for."""
    path = expanded(text)
    for candidate in (folder / path, path, *(place / path for place in shipped("workflows"))):
        if fits(candidate):
            return candidate.resolve()
    places = (place for place in (folder / path.parent, path.parent) if place.is_dir() and not through_link(place))
    near = {p.name for place in places for p in place.iterdir() if fits(p)}
    hint = f"; {hint}" if (hint := suggest(path.name, near)) else ""
    where = "beside the workflow or in the working directory"
    raise FileNotFoundError(f'expected a {what}, found none at "{text}" ({where}){hint}')


def through_link(path: Path) -> bool:
    """Whether a path leads elsewhere: names that lie there are not suggested, as they may be nobody's business."""
    return str(path.resolve()) != os.path.abspath(path)  # noqa: PTH100 - which follows no links


def model_folders() -> list[Path]:
    """Where models are looked for: each folder of DIFFUSCOPE_MODELS, then the one that ships with the project."""
    given = [expanded(p) for p in os.environ.get("DIFFUSCOPE_MODELS", "").split(os.pathsep) if p]
    return [*given, *shipped("models")]


def known_models(mark: str = "model_index.json") -> dict[str, Path]:
    """Every model in the model folders that has this file, by name; the first of a name wins."""
    found: dict[str, Path] = {}
    for folder in model_folders():
        if folder.is_dir():
            for model in sorted(file.parent for file in folder.glob("*/model_index.json")):
                if (model / mark).is_file():
                    found.setdefault(model.name, model)
    return found


DEFAULT_MODEL = "emoji"


class Model(NamedTuple):
    """A model in the model folders, as it is listed."""

    name: str
    folder: Path
    parts: tuple[str, ...]
    """What is in it: `checkpoint`, and perhaps `clip` and `captioner`."""
    bytes: int
    """Of the files that decide what its checkpoint computes."""
    default: bool
    shipped: bool


def list_models() -> list[Model]:
    """Every model in the model folders, in the order in which they are looked for."""
    return [
        Model(
            name,
            folder,
            ("checkpoint", *(part for part in ("clip", "captioner") if (folder / part / "config.json").is_file())),
            sum(file.stat().st_size for part in MODEL_PARTS for file in folder.glob(part) if file.is_file()),
            name == DEFAULT_MODEL,
            folder.parent in shipped("models"),
        )
        for name, folder in known_models().items()
    ]


def find_model(text: str, folder: Path) -> Path:
    """A checkpoint folder: `default`, the name of a model in the model folders, or a path.

    Raises:
        FileNotFoundError: there is none of this name or path.
    """
    models = known_models()
    name = DEFAULT_MODEL if text == "default" else text
    if name in models:
        return models[name].resolve()
    path = expanded(text)
    for candidate in (folder / path, path):
        if (candidate / "model_index.json").is_file():
            return candidate.resolve()
        if candidate.is_dir():
            raise FileNotFoundError(
                f'"{text}" has no model_index.json; a checkpoint is a folder in the diffusers layout'
            )
    hint = suggest(text, models) or "set DIFFUSCOPE_MODELS to a folder of models, or give a path"
    raise FileNotFoundError(f'expected a model, found none called "{text}"; {hint}')


def find_clip(text: str, folder: Path) -> Path:
    """A folder with both towers of CLIP: `default` (that of the model that ships), the name of a model, or a path.

    Raises:
        FileNotFoundError: there is none of this name or path.
    """
    return find_beside("clip", "CLIP model", text, folder)


def find_captioner(text: str, folder: Path) -> Path:
    """A folder with a captioner: `default` (that of the model that ships), the name of a model, or a path.

    Raises:
        FileNotFoundError: there is none of this name or path.
    """
    return find_beside("captioner", "captioner", text, folder)


def find_beside(part: str, what: str, text: str, folder: Path) -> Path:
    """A network of transformers: a model's folder `part`, by the model's name, or any folder by its path."""
    models = {name: model / part for name, model in known_models(f"{part}/config.json").items()}
    name = DEFAULT_MODEL if text == "default" else text
    if name in models:
        return models[name].resolve()
    path = expanded(text)
    for candidate in (folder / path, path):
        if (candidate / "config.json").is_file():
            return candidate.resolve()
    hint = suggest(text, models) or "give a folder with config.json and safetensors weights, as transformers saves it"
    raise FileNotFoundError(f'expected a {what}, found none called "{text}"; {hint}')


TERM_PACKAGE = "clip-interrogator"
"""A package on PyPI with lists of artists, styles and more, MIT; only its text files are read."""


def find_terms(text: str, folder: Path) -> Path:
    """A list of terms: the name of one that ships, `clip-interrogator/` and the name of one of that package, or a path.

    Raises:
        FileNotFoundError: there is none of this name or path.
    """
    package = [place / "data" for place in shipped(TERM_PACKAGE.replace("-", "_"))]
    if text.startswith(f"{TERM_PACKAGE}/") and not package:
        raise FileNotFoundError(f'"{text}" comes with another package; pip install diffuscope[interrogator]')
    known = {file.stem: file for place in shipped("workflows") for file in place.glob("terms/*.txt")}
    known |= {f"{TERM_PACKAGE}/{file.stem}": file for place in package for file in place.glob("*.txt")}
    if text in known:
        return known[text].resolve()
    path = expanded(text)
    for candidate in (folder / path, path):
        if candidate.is_file():
            return candidate.resolve()
    hint = suggest(text, known) or "give the path of a text file"
    raise FileNotFoundError(f'expected a list of terms, found none called "{text}"; {hint}')
