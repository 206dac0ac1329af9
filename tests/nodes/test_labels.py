"""Labels in English and Japanese: complete, about things that exist, short, and the same for the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import REGISTRY, Registry, load_node_packages, node
from engine.node import RESERVED
from engine.types import JSON_TYPE
from nodes import labels, values

load_node_packages()
NODES = {name: type for name, type in REGISTRY.items() if type.function.__module__.startswith("nodes.")}
CATEGORIES = {type.category for type in NODES.values()} | {"flow"}
KINDS = {"int", "float", "str", "bool", "list", "json"}
TYPES = set(re.findall(r'value_type\(\s*"(\w+)"', Path(values.__file__).read_text(encoding="utf-8"))) | KINDS

NOT_TRANSLATED = {"A", "B", "CLIP", "LoRA", "U-Net", "VAE"}
LONGEST = 24


def written(language: str) -> dict[str, Any]:
    """A language's file as it stands; a key that stands twice is a mistake."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert [key for key, count in Counter(key for key, _ in pairs).items() if count > 1] == []
        return dict(pairs)

    folder = Path(labels.__file__).parent
    return json.loads((folder / f"{language}.json").read_text(encoding="utf-8"), object_pairs_hook=once)


def node_labels(language: str) -> dict[str, labels.NodeLabels]:
    return {name: labels.own_labels(name, language) for name in labels.OWN} | {
        name: labels.labels_for(type, language) for name, type in NODES.items()
    }


def texts(at: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Where each text stands, and the text."""
    if isinstance(at, str):
        yield path, at
    else:
        for key, inner in at.items():
            yield from texts(inner, f"{path}.{key}" if path else key)


def every_label(language: str) -> dict[str, str]:
    """All that is short: everything but help, by where it stands."""
    nodes = dict(texts({"nodes": node_labels(language)}))
    sections: tuple[tuple[Any, set[str]], ...] = (("categories", CATEGORIES), ("types", TYPES))
    others = {f"{kind}.{name}": labels.label(kind, name, language) for kind, names in sections for name in names}
    return others | {place: text for place, text in nodes.items() if not place.endswith(".help")}


def japanese(text: str) -> bool:
    return re.search(r"[ぁ-んァ-ヶ一-龠]", text) is not None


@pytest.mark.parametrize("language", labels.LANGUAGES)
def test_every_label_is_there_and_short(language: str) -> None:
    found = every_label(language)
    assert {place: text for place, text in found.items() if not 0 < len(text) <= LONGEST or text != text.strip()} == {}
    assert [place for place, text in texts(written(language)) if not text] == []


def test_every_label_is_japanese() -> None:
    found = {place: text for place, text in every_label("ja").items() if not japanese(text)}
    assert set(found.values()) == NOT_TRANSLATED, found


def test_every_help_is_a_japanese_sentence() -> None:
    found = {name: entry["help"] for name, entry in node_labels("ja").items()}
    assert {name: help for name, help in found.items() if not japanese(help) or not help.endswith("。")} == {}


def test_english_help_stands_in_the_docstring() -> None:
    assert [name for name, entry in written("en")["nodes"].items() if "help" in entry] == list(labels.OWN)
    assert all(entry["help"] for entry in node_labels("en").values())


@pytest.mark.parametrize("language", labels.LANGUAGES)
def test_labels_are_only_of_what_exists(language: str) -> None:
    book, known = written(language), node_labels(language)
    assert set(book) == {"categories", "types", "names", "nodes"}
    assert set(book["categories"]) - CATEGORIES == set()
    assert set(book["types"]) - TYPES == set()
    assert set(book["nodes"]) - set(known) == set()
    for name, entry in book["nodes"].items():
        assert set(entry) - {"label", "help", "inputs", "outputs"} == set(), name
        assert set(entry.get("inputs", ())) - set(known[name]["inputs"]) == set(), name
        assert set(entry.get("outputs", ())) - set(known[name]["outputs"]) == set(), name


@pytest.mark.parametrize("language", labels.LANGUAGES)
def test_a_name_is_said_once(language: str) -> None:
    """`names` says what is said of a name in most places; a type of that name need not say it again, nor a node."""
    book, known = written(language), node_labels(language)
    of_types = {labels.snake_case(name): text for name, text in book["types"].items()}
    assert {name for name, text in book["names"].items() if of_types.get(name) == text} == set()

    read = {key for name, entry in known.items() for side in ("inputs", "outputs") for key in entry[side]
            if key not in book["nodes"].get(name, {}).get(side, {})}  # fmt: skip
    assert set(book["names"]) - read == set()

    common = of_types | book["names"]
    again = [(name, key) for name, entry in book["nodes"].items() for key, text in entry.get("inputs", {}).items()
             if text == common.get(key)]  # fmt: skip
    assert again == []
    own = Counter((key, text) for entry in book["nodes"].values() for key, text in entry.get("inputs", {}).items())
    assert [key for (key, _), count in own.items() if count > 1 and key not in common] == []


@pytest.mark.parametrize("language", labels.LANGUAGES)
def test_different_things_are_called_differently(language: str) -> None:
    known = node_labels(language)
    titles = {"nodes": [entry["label"] for entry in known.values()],
              "types": [labels.label("types", name, language) for name in TYPES],
              "categories": [labels.label("categories", name, language) for name in CATEGORIES]}  # fmt: skip
    sides = {f"{name}.{side}": entry[side].values() for name, entry in known.items() for side in ("inputs", "outputs")}
    twice = {where: [text for text, count in Counter(called).items() if count > 1]
             for where, called in (titles | sides).items()}  # fmt: skip
    assert {where: text for where, text in twice.items() if text} == {}


@pytest.mark.parametrize("language", labels.LANGUAGES)
def test_a_plain_output_is_called_what_it_means(language: str) -> None:
    for name, type in NODES.items():
        if "" in type.outputs and type.outputs[""].type is JSON_TYPE:
            kind = labels.label("types", type.outputs[""].kind, language)
            assert labels.labels_for(type, language)["outputs"]["value"] != kind, name


def test_all_that_a_node_has() -> None:
    assert labels.labels_for(NODES["load_checkpoint"], "ja") == {
        "label": "チェックポイントを開く",
        "help": "Stable Diffusion のチェックポイント(diffusers 形式のフォルダ、重みは safetensors)を開きます。",
        "inputs": {"path": "パス"},
        "outputs": {"unet": "U-Net", "vae": "VAE", "text_encoder": "テキストエンコーダ", "tokenizer": "トークナイザ"},
    }
    step = NODES["denoise_step"]
    english, japanese = labels.labels_for(step), labels.labels_for(step, "ja")
    assert english["help"] == "Move the latent one noise level down the schedule."
    assert list(english["inputs"]) == list(japanese["inputs"]) == [*step.ports, *step.params]
    assert (english["inputs"]["guidance_scale"], japanese["inputs"]["guidance_scale"]) == (
        "Guidance scale", "ガイダンススケール",
    )  # fmt: skip
    assert (english["outputs"], japanese["outputs"]) == ({"value": "Latent"}, {"value": "潜在表現"})


def test_what_the_engine_expands_itself() -> None:
    assert set(labels.OWN) == RESERVED
    assert list(labels.own_labels("repeat")["inputs"]) == ["for", "carry", "body", "next"]
    assert list(labels.own_labels("axis")["inputs"]) == ["name", "values", "from", "to", "step", "seeds", "start"]
    assert labels.own_labels("axis", "ja")["label"] == "軸"
    assert labels.label("categories", "flow") == "Flow"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("guidance_scale", "Guidance scale"),
        ("vae_decode", "VAE decode"),
        ("load_clip", "Load CLIP"),
        ("to_lora", "To LoRA"),
        ("unet", "UNet"),
        ("UNet", "UNet"),
        ("VAE", "VAE"),
        ("TextEncoder", "Text encoder"),
        ("ClipVector", "CLIP vector"),
        ("Lora", "LoRA"),
        ("ema", "EMA"),
        ("save_csv", "Save CSV"),
        ("rgb_mean", "RGB mean"),
        ("eclipse", "Eclipse"),
        ("log_x", "Log x"),
        ("a", "A"),
    ],
)
def test_english_follows_from_the_name(name: str, expected: str) -> None:
    assert labels.by_rule(name) == expected


def test_the_english_file_holds_only_what_the_rule_does_not_say() -> None:
    """Single outputs are called by their type else, so they may be called what the rule says."""
    ruled = [place for place, text in texts(written("en")) if text == labels.by_rule(place.rpartition(".")[2])]
    assert ruled == ["nodes.axis.outputs.value"]


def test_nodes_of_other_packages_have_labels_too() -> None:
    registry = Registry()

    @node(registry=registry)
    def rgb_shift(seed: int, how_far: float = 0.5) -> float:
        """Shift colours. Nothing else."""
        return seed * how_far

    assert labels.labels_for(registry["rgb_shift"], "ja") == {
        "label": "RGB shift",
        "help": "Shift colours. Nothing else.",
        "inputs": {"seed": "シード", "how_far": "How far"},
        "outputs": {"value": "数値"},
    }
    assert labels.label("categories", "my_family", "ja") == "My family"
    assert labels.label("types", "PointCloud", "ja") == "Point cloud"


@pytest.mark.parametrize("language", ["fr", "", "ja-JP", "../en"])
def test_an_unknown_language_reads_as_english(language: str) -> None:
    assert labels.label("types", "str", language) == "Text"
    assert labels.labels_for(NODES["vae_decode"], language) == labels.labels_for(NODES["vae_decode"], "en")
    assert labels.own_labels("axis", language) == labels.own_labels("axis", "en")


def test_labels_are_light() -> None:
    heavy = ["torch", "numpy", "transformers", "safetensors", "PIL", "diffusion"]
    code = f"import sys, nodes.labels as l; l.own_labels('axis', 'ja'); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
