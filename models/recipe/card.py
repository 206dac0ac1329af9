"""The model card, written from the measured figures."""

from pathlib import Path

from .artwork import CONCEPTS

VERSION_1 = [  # what is measured, the figure's name, how to print it, what version 1 aims at
    ("The judge names the prompted concept", "concept", "{:.1%}", "≥ 75 %"),
    ("… the style", "style", "{:.1%}", "≥ 85 %"),
    ("Background colour as prompted", "background", "{:.1%}", "≥ 90 %"),
    ("Two objects: the judge finds both, each in its half", "two_objects_both", "{:.1%}", "stated"),
    ("… it finds one of the two, on average", "two_objects_each", "{:.1%}", "stated"),
    ("Variety of 16 seeds relative to real renderings, in pixels", "variety_pixels", "{:.2f}", "stated"),
    ("… in the judge's features", "variety_features", "{:.2f}", "stated"),
    ("VAE, held-out scenes", "psnr", "{:.1f} dB", "stated"),
    ("VAE, held-out emoji of other concepts", "psnr_other", "{:.1f} dB", "stated"),
    ("CLIP retrieval@1 of 256", "clip_retrieval", "{:.1%}", "stated"),
    ("The captioner names the thing, held-out renderings", "caption_names", "{:.1%}", "≥ 60 %"),
    ("The judge itself, held-out renderings", "judge_held_out", "{:.1%}", "≥ 95 %"),
    ("… their style", "judge_held_out_style", "{:.1%}", "≥ 95 %"),
    ("… whole pictures in a placement it was not trained on", "judge_whole", "{:.1%}", "≥ 95 %"),
    ("Seconds a picture, two cores, 20 steps with guidance", "seconds_a_picture", "{:.2f}", "≤ 1"),
    ("Weights", "megabytes", "{:.1f} MB", "≤ 40 MB"),
]

CARD = """# emoji: the model that ships with Diffuscope

A latent diffusion model in the shape of Stable Diffusion, small enough to live in the repository and to draw a picture
in about half a second on two CPU cores. It draws emoji, 64×64 pixels, in two styles, before ten background colours:

![sixty samples](samples.png)

| Part | Shape | Weights |
| --- | --- | --- |
| `tokenizer/` | byte-pair encoding, 2,048 tokens, CLIP's format, 77 long | – |
| `text_encoder/` | CLIP text tower, 160 wide, 4 layers | 1.6 M |
| `unet/` | 64, 128, 192 channels, cross attention on the two lower levels, velocity prediction | 10.9 M |
| `vae/` | 32, 64, 128 channels, pictures 64×64 ⇄ latents 4×16×16 (f = 4) | 2.7 M |
| `scheduler/` | Stable Diffusion's noise levels | – |
| `clip/` | both CLIP towers with their projections, to rank captions for a picture | 2.9 M |
| `captioner/` | BLIP, 128 wide, 4 layers that see and 2 that speak: says what a picture shows | 1.3 M |
| `judge.safetensors` | a classifier of concepts and styles that only measures (`models/recipe/judge.py`) | 0.4 M |

All weights are half precision. The folder also loads with `diffusers.StableDiffusionPipeline.from_pretrained`.

## What to ask it for

`a cat, flat style, on a light blue background` is the plainest prompt. `flat style cat`, `a cat on a pink
background` or just `cat` work too; what is left out is chosen by the seed.

- Styles: `flat` (Fluent Emoji Flat) and `noto` (Noto Emoji).
- Backgrounds: {palette}.
- Concepts ({count}): {concepts}.
- Two things: `a cat on the left and a palm tree on the right, noto style, on a white background`.

A guidance scale of {guidance:g} was used for all figures.

## Measured

Four seeds for every concept in every style ({pictures} pictures), 20 steps of ddim, guidance {guidance:g}, through this
project's own networks; prompts of the plainest form, colours in turn. The judge is trained on real renderings alone.

| | Measured | Version 1 asks |
| --- | --- | --- |
{table}

The background is the palette colour nearest to the median of the outermost two pixels. Variety compares mean pairwise
distances: 16 seeds of one prompt against 16 real renderings placed as in its training, over eight prompts.
Retrieval is among 256 different captions of held-out scenes; some of them leave out style or background, so that
several are true of a picture.

## How it was trained

From real artwork, on two CPU cores, in about two hours. 30,000 scenes were rendered: one drawing at a random place,
size and turn, mirrored or not, before one of ten colours, or (12 % of them) two drawings side by side; each with three
captions that name style, background and sides, or leave some of that out. One caption in ten was emptied, for guidance.
The VAE has also seen 6,000 scenes of other emoji before any colour. The UNet learns from calm versions of the scenes:
in three of four with one thing, it stands upright and large in the middle. The captioner sees both kinds, and of two
things now and then one half; it is told names alone, without style and background.

{training}

Three things about the shipped weights that a new run does otherwise. Judge, VAE and CLIP were trained side by side,
one core each, beside other work; alone they take less time. The VAE began with a KL weight of 0.005, which washed out
its colours, and went on after 500 steps with 0.0001. The UNet had all placements for its first 63,000 samples, and only
large and upright things (9,254 scenes) up to 97,000: so much variety gave blobs of the right colours. On calm versions
of those 9,254, shapes came within minutes.

Again, or further (each stage resumes from its last checkpoint; `--minutes` gives it more time):

```
pip install -e '.[recipe]'
python -m models.recipe
```

## Limits

- The judge is more generous than the eye: among 65 concepts, colours and a rough outline tell it enough. By eye, about
  a third of the samples above would not be recognised without the prompt.
- It knows the concepts above and nothing else; other words give something in between.
- Two things in one picture mostly fail (see above): a tenth of what it was trained on, and small.
- 64×64 pixels; fine details (spokes, faces of small animals) blur.
- It has seen each drawing thousands of times: what varies with the seed is place, size, turn and mirroring, a little,
  and what the prompt leaves open.
- Things that look the same from both sides (faces, fruit) come out better than those that face left or right (an
  elephant, a rocket): they were mirrored at random, which the model has not quite learned to decide.
- No people, no flags, no text in pictures. There is nothing for a safety checker to find, and none.

The artwork's licences are in [LICENSES.md](LICENSES.md).
"""


def write(folder: Path, figures: dict[str, float], training: str, styles: int, palette: list[str]) -> None:
    """Write `README.md` of the model in `folder`."""
    rows = [f"| {what} | {form.format(figures[name])} | {aim} |" for what, name, form, aim in VERSION_1]
    text = CARD.format(
        table="\n".join(rows),
        concepts=", ".join(CONCEPTS),
        count=len(CONCEPTS),
        palette=", ".join(palette),
        pictures=4 * styles * len(CONCEPTS),
        guidance=figures["guidance"],
        training=training,
    )
    (folder / "README.md").write_text(text)
