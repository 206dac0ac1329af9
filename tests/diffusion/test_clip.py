"""Both towers of CLIP: parity with transformers, and what the shipped one says of colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from transformers import CLIPModel, CLIPTokenizerFast

from diffusion.checkpoint import CheckpointError, CLIPHandle, open_clip
from diffusion.clip import BATCH, ClipVector, embed_picture, embed_text, embed_texts, pixels_for, similarity
from diffusion.image import Image

FOLDER = Path(__file__).resolve().parents[2] / "models" / "emoji" / "clip"
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def clip() -> CLIPHandle:
    return open_clip(FOLDER)


def noise(height: int, width: int) -> Image:
    return Image(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_vectors_are_those_of_transformers(clip: CLIPHandle) -> None:
    model = CLIPModel.from_pretrained(FOLDER).float().eval()
    tokenizer = CLIPTokenizerFast.from_pretrained(FOLDER)
    picture, text = noise(128, 128), "a cat, flat style, on a white background"
    pixels = torch.from_numpy(picture.pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    ids = tokenizer(text, padding="max_length", max_length=77, return_tensors="pt").input_ids
    with torch.no_grad():
        out = model(input_ids=ids, pixel_values=pixels)
    torch.testing.assert_close(embed_picture(clip, picture).vector, out.image_embeds, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(embed_text(clip, text).vector, out.text_embeds, rtol=1e-4, atol=1e-5)
    expected = float((out.image_embeds * out.text_embeds).sum())
    assert similarity(embed_picture(clip, picture), embed_text(clip, text)) == pytest.approx(expected, abs=1e-5)


TEXTS = {
    "that begin alike": [
        f"a cat, flat style, {colour}" for colour in ("red", "a light green fox", "", "🦊", "on a moon")
    ],
    "that begin otherwise": ["a cat", "", "the rose, noto style, on a brown background", "!", "a cat"],
    "all the same": ["a cat"] * 3,
    "one of which begins another": ["a palm tree", "a palm", "a palm tree on the left"],
    "too long": ["a cat " * 60, "a cat " * 60 + "and a dog", "a dog " * 200, "a dog"],
    "more than go through at a time": [f"a cat and {i} dogs" for i in range(BATCH + 3)],
    "that speak of the end": ["a cat <|endoftext|> and a dog", "a cat <|endoftext|>", "a cat"],
}


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_many_texts_together_have_the_vectors_of_each_alone(clip: CLIPHandle, texts: list[str]) -> None:
    together = embed_texts(clip, texts)
    alone = torch.cat([embed_text(clip, text).vector for text in texts])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    model, tokenizer = CLIPModel.from_pretrained(FOLDER).float().eval(), CLIPTokenizerFast.from_pretrained(FOLDER)
    ids = tokenizer(texts, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    with torch.no_grad():
        states = model.text_projection(model.text_model(input_ids=ids).pooler_output)
    torch.testing.assert_close(together, states / states.norm(dim=1, keepdim=True), rtol=0, atol=1e-5)


def test_it_is_told_how_many_texts_are_through(clip: CLIPHandle) -> None:
    told: list[float] = []
    embed_texts(clip, [f"{i}" for i in range(2 * BATCH + 1)], told.append)
    assert told == [BATCH / (2 * BATCH + 1), 2 * BATCH / (2 * BATCH + 1), 1.0]


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 100), (128, 64), (200, 130), (20, 33)])
def test_the_middle_square_is_looked_at(clip: CLIPHandle, height: int, width: int) -> None:
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    pixels[top : top + side, left : left + side] = 255
    shown = pixels_for(clip, Image(pixels))
    assert shown.shape == (1, 3, 128, 128)
    assert shown.mean() > 0.9  # white is 1 by this model's mean and deviation; black, -1


def test_alpha_is_laid_on_white(clip: CLIPHandle) -> None:
    assert (pixels_for(clip, Image(np.zeros((64, 64, 4), dtype=np.uint8))) == 1).all()


@pytest.mark.parametrize("colour", ["blue", "purple", "yellow"])
def test_a_picture_is_nearest_to_its_own_background(clip: CLIPHandle, colour: str) -> None:
    rgb = {"blue": (90, 160, 230), "purple": (160, 110, 200), "yellow": (250, 220, 90)}
    picture = Image.from_pillow(Pillow.new("RGB", (64, 64), rgb[colour]))
    vector = embed_picture(clip, picture)
    scores = {name: similarity(vector, embed_text(clip, f"a circle on a {name} background")) for name in rgb}
    assert max(scores, key=scores.__getitem__) == colour


def test_vectors_of_two_models_are_not_compared() -> None:
    with pytest.raises(ValueError, match="expected two vectors of one width, found 4 and 5"):
        similarity(ClipVector(torch.ones(1, 4)), ClipVector(torch.ones(1, 5)))
    with pytest.raises(ValueError, match="expected shape"):
        ClipVector(torch.ones(2, 4))


def test_a_folder_of_another_kind_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="expected model_type clip, found 'clip_text_model'"):
        open_clip(tiny_model / "text_encoder")
    with pytest.raises(CheckpointError, match=r"config\.json: expected a file, found none"):
        open_clip(tmp_path)
