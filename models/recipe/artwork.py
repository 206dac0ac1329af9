"""The artwork: emoji as SVG, from npm packages with pinned versions, and the words for what they show."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WORK = Path(__file__).parent / "work"

PACKAGES = {
    "@iconify-json/fluent-emoji-flat": "1.2.6",  # MIT, Microsoft
    "@iconify-json/fluent-emoji": "1.2.7",  # MIT, Microsoft: the same drawings with light and shade
    "@iconify-json/noto": "1.2.9",  # Apache-2.0, Google
    "@iconify-json/openmoji": "1.2.29",  # CC-BY-SA 4.0, OpenMoji: in no training, there to be taught afterwards
    "emojilib": "4.0.3",  # MIT, keywords: text for the tokenizer's vocabulary
}

STYLES = {
    "flat": "@iconify-json/fluent-emoji-flat", "noto": "@iconify-json/noto", "fluent": "@iconify-json/fluent-emoji",
}  # fmt: skip
UNSEEN = {"openmoji": "@iconify-json/openmoji"}
"""A style that the model is not trained on (`unseen.py`)."""

CONCEPTS = {  # the word in captions → the icon's name, the same in all sets
    "cat": "cat-face", "dog": "dog-face", "lion": "lion", "tiger": "tiger-face", "fox": "fox", "panda": "panda",
    "bear": "bear", "rabbit": "rabbit-face", "frog": "frog", "penguin": "penguin", "owl": "owl", "bird": "bird",
    "fish": "fish", "whale": "spouting-whale", "octopus": "octopus", "butterfly": "butterfly", "bee": "honeybee",
    "ladybug": "lady-beetle", "snail": "snail", "turtle": "turtle", "elephant": "elephant", "monkey": "monkey-face",
    "pig": "pig-face", "horse": "horse-face", "unicorn": "unicorn", "palm tree": "palm-tree", "cactus": "cactus",
    "sunflower": "sunflower", "tulip": "tulip", "rose": "rose", "mushroom": "mushroom", "wave": "water-wave",
    "sun": "sun", "moon": "crescent-moon", "star": "star", "cloud": "cloud", "rainbow": "rainbow", "fire": "fire",
    "snowman": "snowman-without-snow", "mountain": "snow-capped-mountain", "house": "house", "castle": "castle",
    "car": "automobile", "bus": "bus", "rocket": "rocket", "airplane": "airplane", "sailboat": "sailboat",
    "bicycle": "bicycle", "red apple": "red-apple", "green apple": "green-apple", "banana": "banana",
    "strawberry": "strawberry", "watermelon": "watermelon", "pineapple": "pineapple", "carrot": "carrot",
    "pizza": "pizza", "hamburger": "hamburger", "doughnut": "doughnut", "cake": "birthday-cake", "heart": "red-heart",
    "crown": "crown", "guitar": "guitar", "key": "key", "balloon": "balloon", "robot": "robot",
    # from version 2 on
    "cow": "cow-face", "mouse": "mouse-face", "koala": "koala", "chicken": "chicken", "duck": "duck",
    "flamingo": "flamingo", "parrot": "parrot", "peacock": "peacock", "chick": "hatching-chick", "crab": "crab",
    "squid": "squid", "dolphin": "dolphin", "shark": "shark", "snake": "snake", "crocodile": "crocodile",
    "hedgehog": "hedgehog", "camel": "camel", "giraffe": "giraffe", "zebra": "zebra", "bat": "bat",
    "spider": "spider", "dragon": "dragon-face", "dinosaur": "t-rex", "polar bear": "polar-bear", "lemon": "lemon",
    "orange": "tangerine", "pear": "pear", "peach": "peach", "kiwi": "kiwi-fruit", "coconut": "coconut",
    "avocado": "avocado", "tomato": "tomato", "eggplant": "eggplant", "corn": "ear-of-corn", "broccoli": "broccoli",
    "bread": "bread", "croissant": "croissant", "pretzel": "pretzel", "cheese": "cheese-wedge", "hot dog": "hot-dog",
    "taco": "taco", "cookie": "cookie", "cupcake": "cupcake", "lollipop": "lollipop", "ice cream": "soft-ice-cream",
    "teapot": "teapot", "clover": "four-leaf-clover", "tree": "deciduous-tree", "fir tree": "evergreen-tree",
    "snowflake": "snowflake", "volcano": "volcano", "blossom": "cherry-blossom", "maple leaf": "maple-leaf",
    "planet": "ringed-planet", "lightning": "high-voltage", "umbrella": "umbrella", "anchor": "anchor", "bell": "bell",
    "book": "closed-book", "camera": "camera", "candle": "candle", "drum": "drum", "trumpet": "trumpet",
    "violin": "violin", "gift": "wrapped-gift", "light bulb": "light-bulb", "magnet": "magnet", "hammer": "hammer",
    "pencil": "pencil", "teddy bear": "teddy-bear", "soccer ball": "soccer-ball", "basketball": "basketball",
    "ring": "ring", "diamond": "gem-stone", "trophy": "trophy", "hat": "top-hat", "shoe": "running-shoe",
    "shirt": "t-shirt", "padlock": "locked", "door": "door", "chair": "chair", "tent": "tent", "train": "locomotive",
    "tractor": "tractor", "truck": "delivery-truck", "taxi": "taxi", "helicopter": "helicopter",
    "ufo": "flying-saucer", "skull": "skull", "ghost": "ghost", "pumpkin": "jack-o-lantern",
    "lantern": "red-paper-lantern",
}  # fmt: skip

FACES = {
    "cat", "dog", "lion", "tiger", "fox", "panda", "bear", "rabbit", "frog", "monkey", "pig", "horse", "unicorn",
    "robot", "cow", "mouse", "koala", "dragon",
}  # fmt: skip


def names_of(concept: str) -> list[str]:
    """The words that a caption may use for a concept, the usual one first."""
    if concept in FACES:
        return [concept, f"{concept} face"]
    return [concept, "apple"] if concept == "red apple" else [concept]


@dataclass(frozen=True)
class Art:
    """One drawing: the inside of an SVG and the side length of its square view box."""

    body: str
    size: float


def fetch() -> Path:
    """Install the pinned npm packages under `work/npm` where they are missing; returns the folder they are in."""
    modules = WORK / "npm" / "node_modules"
    missing = [f"{name}@{pin}" for name, pin in PACKAGES.items() if installed_version(modules / name) != pin]
    if missing:
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError(f"the artwork comes from npm packages: install npm, or unpack {missing} in {modules}")
        (WORK / "npm").mkdir(parents=True, exist_ok=True)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(WORK / "npm")]
        subprocess.run([npm, "install", *options, *missing], check=True)
    return modules


def installed_version(package: Path) -> str | None:
    """The version of an unpacked npm package, None where there is none."""
    manifest = package / "package.json"
    return json.loads(manifest.read_text())["version"] if manifest.exists() else None


@cache
def icons(style: str) -> dict[str, Art]:
    """Every drawing of a style by its icon name, but for those that are not square (one is, but for a hair)."""
    collection = json.loads((fetch() / (STYLES | UNSEEN)[style] / "icons.json").read_text())
    drawings = {}
    for name, icon in collection["icons"].items():
        width, height = (icon.get(side, collection[side]) for side in ("width", "height"))
        if abs(width - height) <= 1:
            drawings[name] = Art(icon["body"], max(width, height))
    return drawings


def other_icons(style: str) -> list[str]:
    """Icon names outside the concepts (no skin tones, flags, clocks or letters): variety for the VAE."""
    unwanted = re.compile(r"skin-tone|flag|keycap|o-clock|thirty|button|regional|letter|^u\d")
    known = set(CONCEPTS.values())
    return sorted(name for name in icons(style) if name not in known and not unwanted.search(name))


def keywords() -> list[str]:
    """Emoji keywords in English, as text for the tokenizer's vocabulary."""
    listed = json.loads((fetch() / "emojilib" / "dist" / "emoji-en-US.json").read_text())
    return [word.replace("_", " ") for words in listed.values() for word in words]
