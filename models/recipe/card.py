"""The model card, written from the measured figures."""

from pathlib import Path

from .artwork import CONCEPTS, STYLES
from .data import FIRST
from .scenes import PALETTE

Figures = dict[str, float]

COLUMNS = ("version_1", "as_version_1", "all")
ROWS = [  # what is measured, the figure's name, how to print it, what version 2 aims at
    ("The judge names the prompted concept", "concept", "{:.1%}", "≥ 85 %"),
    ("… the style", "style", "{:.1%}", "≥ 90 %"),
    ("Background colour as prompted", "background", "{:.1%}", "≥ 95 %"),
    (
        "Two objects: the judge finds both, each in its half",
        "two_objects_both",
        "{:.1%}",
        "≥ 60 %, or the next but one",
    ),
    ("… it finds one of the two, on average", "two_objects_each", "{:.1%}", "stated"),
    ("… CLIP prefers the prompt to the same with its sides exchanged", "two_objects_clip", "{:.1%}", "≥ 60 %"),
    ("Variety of 16 seeds relative to real renderings, in pixels", "variety_pixels", "{:.2f}", "≥ 0.6"),
    ("… in the judge's features", "variety_features", "{:.2f}", "stated"),
    ("Inpainting: the judge finds the new thing in the painted half", "painted", "{:.1%}", "stated"),
    ("… and what was kept in the other", "painted_kept", "{:.1%}", "stated"),
    ("Image to image at strength 0.2: likeness to the source", "likeness_0.2", "{:.2f}", "falls"),
    ("… 0.4", "likeness_0.4", "{:.2f}", "falls"),
    ("… 0.6", "likeness_0.6", "{:.2f}", "falls"),
    ("… 0.8", "likeness_0.8", "{:.2f}", "falls"),
    ("… 1.0", "likeness_1", "{:.2f}", "falls"),
    ("… falls from one to the next, of all sources", "strength_falls", "{:.1%}", "stated"),
    ("VAE, held-out scenes, seen at 128 pixels", "psnr", "{:.1f} dB", "stated"),
    ("… held-out emoji of other concepts", "psnr_other", "{:.1f} dB", "stated"),
    ("… held-out scenes at the size that it draws", "psnr_own_size", "{:.1f} dB", "stated"),
    ("CLIP retrieval@1 of 256", "clip_retrieval", "{:.1%}", "stated"),
    ("CLIP tells sides, held-out renderings", "clip_sides", "{:.1%}", "stated"),
    ("The captioner names the thing, held-out renderings", "caption_names", "{:.1%}", "stated"),
    ("… two or three things, each with its side", "caption_sides", "{:.1%}", "stated"),
    ("… the background", "caption_backgrounds", "{:.1%}", "stated"),
    ("The judge itself, held-out renderings", "judge_held_out", "{:.1%}", "≥ 95 %"),
    ("… their style", "judge_held_out_style", "{:.1%}", "≥ 95 %"),
    ("… whole pictures in a placement it was not trained on", "judge_whole", "{:.1%}", "≥ 95 %"),
    ("… their style", "judge_whole_style", "{:.1%}", "≥ 95 %"),
    ("Seconds a picture, two cores, 20 steps with guidance", "seconds_a_picture", "{:.2f}", "≤ 3"),
    ("Weights", "megabytes", "{:.1f} MB", "≤ 56 MB"),
]

CARD = """# emoji: the model that ships with Diffuscope

A latent diffusion model in the shape of Stable Diffusion, small enough to live in the repository and to draw a picture
in about a second on two CPU cores. It draws emoji, 128×128 pixels, in three styles, one to three of them side by side,
before ten background colours:

![forty samples of one thing, eight of two](samples.webp)

| Part | Shape | Weights |
| --- | --- | --- |
| `tokenizer/` | byte-pair encoding, 2,048 tokens, CLIP's format, 77 long | – |
| `text_encoder/` | CLIP text tower, 160 wide, 4 layers | 1.6 M |
| `unet/` | 64, 128, 192 channels, cross attention on the two lower levels, velocity prediction | 10.9 M |
| `vae/` | 16, 32, 64, 128 channels, pictures 128×128 ⇄ latents 4×16×16 (f = 8) | 2.8 M |
| `scheduler/` | Stable Diffusion's noise levels | – |
| `clip/` | both CLIP towers with their projections, to rank captions for a picture | 3.0 M |
| `captioner/` | BLIP, 128 wide, 4 layers that see and 2 that speak: says what a picture shows | 1.4 M |
| `judge.safetensors` | a classifier of concepts and styles that only measures (`models/recipe/judge.py`) | 0.4 M |

All weights are half precision, those of UNet, CLIP and captioner rounded to six significant bits. `words.safetensors`
is what a training of CLIP goes on from. The folder also loads with `diffusers.StableDiffusionPipeline.from_pretrained`.

## What to ask it for

`a cat, flat style, on a light blue background` is the plainest prompt. `flat style cat`, `a cat on a pink
background` or just `cat` work too; what is left out is chosen by the seed.

- Styles: `flat` (Fluent Emoji Flat), `noto` (Noto Emoji) and `fluent` (Fluent Emoji, with light and shade).
- Backgrounds: {palette}.
- Concepts ({count}): {concepts}.
- Two or three things: `a cat on the left and a palm tree on the right, noto style, on a white background`,
  `a fish on the left, a bell in the middle and a tree on the right, flat style`.

A guidance scale of {guidance:g} was used for all figures.

## Measured

Four seeds for every concept in every style ({pictures} pictures), {steps:g} steps of ddim, guidance {guidance:g},
through this project's own networks; prompts of the plainest form, colours in turn. The judge is trained on real
renderings alone. Version 1 knew {first} of the concepts in two of the styles and drew 64×64 pixels; the same judge
looks at its pictures enlarged, and "same prompts" are those that it was given.

| | Version 1 | Version 2, same prompts | Version 2, all | Version 2 asks |
| --- | --- | --- | --- | --- |
{table}

The background is the palette colour nearest to the median of the outermost two pixels. Variety compares mean pairwise
distances: 16 seeds of one prompt against 16 real renderings placed as in its training, over eight prompts. Two objects
are 64 random pairs. For inpainting, the right half of a rendering of two things is painted anew with another thing
prompted there. Image to image goes from a rendering of one thing to another thing in its style and colours; likeness
is the correlation of the colours. Retrieval is among different captions of held-out scenes; some of them leave out
style or background, so that several are true of a picture.

## How it was trained

From real artwork, on two CPU cores. 60,000 scenes were rendered: one to three drawings of a style side by side, each
at a random place, size and turn, mirrored or not, before one of ten colours, and with three captions that name style,
background and sides, or leave some of that out. In half of them the things stand upright and large in the middle of
their share: these come first in the UNet's training; then pictures with two things are shown more, and a thing alone
mostly anywhere, so that seeds differ. One caption in ten was emptied, for guidance. The VAE has also seen 6,000 scenes
of other emoji before any colour. CLIP has, as one more wrong answer, each caption with its sides exchanged. CLIP, the
captioner and, for the last 163 minutes, the UNet learnt with Muon ([why](../../docs/decisions/0013-version-2.md)).

{training}

## How to go on

Each stage resumes from its last checkpoint in `models/recipe/work`, `--minutes` being the time in all; where there is
none, `--from` begins with the weights in this folder, and `--minutes 0` leaves them as they are. The UNet is what would
gain most:

```
pip install -e '.[recipe]'
python -m models.recipe data
python -m models.recipe vae words --minutes 0 --from models/emoji
python -m models.recipe unet --minutes 240 --from models/emoji
python -m models.recipe export evaluate
```

And all of it anew, from nothing: `python -m models.recipe`.

## Limits

{limits}

The artwork's licences are in [LICENSES.md](LICENSES.md).
"""

LIMITS = """- The judge is more generous than the eye: colours and a rough outline tell it enough.
- It knows the concepts above and nothing else; other words give something in between, and a style with a name that it
  does not know gives blobs.
- Fine details (spokes, faces of small animals) blur, and of things side by side more than of one alone.
- A thing in a style is one drawing: where the prompt says all, seeds choose its place, its size and the side that it
  faces. What the prompt leaves out (style, background) they choose too.
- The captioner has seen artwork of these three kinds and no other. Of a fox drawn by hand it says that it is a tiger.
- No people, no flags, no text in pictures. There is nothing for a safety checker to find, and none."""


def write(folder: Path, figures: dict[str, Figures], training: str) -> None:
    """Write `README.md` of the model in `folder`; `figures` has those of `COLUMNS`, some of them without some rows."""
    rows = [f"| {what} | {' | '.join(cell(figures[column], name, form) for column in COLUMNS)} | {aim} |"
            for what, name, form, aim in ROWS]  # fmt: skip
    every = figures["all"]
    text = CARD.format(
        table="\n".join(rows),
        concepts=", ".join(CONCEPTS),
        count=len(CONCEPTS),
        first=FIRST.concepts,
        palette=", ".join(PALETTE),
        pictures=4 * len(STYLES) * len(CONCEPTS),
        guidance=every["guidance"],
        steps=every["steps"],
        training=training,
        limits=LIMITS,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def cell(figures: Figures, name: str, form: str) -> str:
    """A figure as the table shows it, a dash where it was not measured."""
    return form.format(figures[name]) if name in figures else "–"
