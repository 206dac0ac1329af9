"""What a picture shows: captions as transformers makes them, parts that cover the whole, captions joined."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from safetensors.torch import load_file, save_file
from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration

from diffusion.captioner import caption, joined, pixels_for, tile
from diffusion.checkpoint import OPENAI_MEAN, OPENAI_STD, CaptionerHandle, CheckpointError, open_captioner
from diffusion.image import Image, read_image

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "models" / "emoji" / "captioner"
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def captioner() -> CaptionerHandle:
    return open_captioner(FOLDER)


@pytest.fixture(scope="module")
def fox() -> Image:
    return read_image(ROOT / "workflows" / "pictures" / "drawing.png")


def noise(height: int, width: int) -> Image:
    return Image(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8))


# ── captions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("beams", [1, 3])
def test_the_caption_is_that_of_transformers(captioner: CaptionerHandle, fox: Image, beams: int) -> None:
    model = BlipForConditionalGeneration.from_pretrained(FOLDER).float().eval()
    tokenizer = BertTokenizer.from_pretrained(FOLDER)
    pixels = torch.from_numpy(fox.pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    ids = model.generate(pixel_values=pixels, num_beams=beams, max_new_tokens=20, do_sample=False)
    expected = tokenizer.decode(ids[0, 1:], skip_special_tokens=True)
    assert caption(captioner, fox, beams=beams) == expected
    assert expected.endswith("on a light blue background")


def test_a_caption_goes_on_from_its_beginning(captioner: CaptionerHandle, fox: Image) -> None:
    said = caption(captioner, fox, beginning="a picture of")
    assert said.startswith("a picture of a ") and len(said.split()) > 4


def test_a_caption_is_no_longer_than_asked_for(captioner: CaptionerHandle, fox: Image) -> None:
    assert caption(captioner, fox, beams=1, longest=2).split() == caption(captioner, fox, beams=1).split()[:2]


def test_it_says_the_same_each_time_and_changes_nothing(captioner: CaptionerHandle, fox: Image) -> None:
    torch.manual_seed(1)
    first = caption(captioner, fox)
    torch.manual_seed(2)
    assert caption(captioner, fox) == first


def test_transparent_parts_are_white(captioner: CaptionerHandle) -> None:
    assert (pixels_for(captioner, Image(np.zeros((64, 64, 4), dtype=np.uint8))) == 1).all()


def test_a_beginning_that_fills_the_network_is_refused(captioner: CaptionerHandle, fox: Image) -> None:
    most = json.loads((FOLDER / "config.json").read_text())["text_config"]["max_position_embeddings"] - 2
    longest = " ".join(["a"] * most)
    assert caption(captioner, fox, beginning=longest).startswith(longest)
    with pytest.raises(ValueError, match=f"beginning: expected at most {most} pieces of words, found {most + 1}"):
        caption(captioner, fox, beginning=f"{longest} a")


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 100), (200, 130), (20, 33)])
def test_pictures_are_squashed_as_blips_processor_does(captioner: CaptionerHandle, height: int, width: int) -> None:
    blip = pytest.importorskip("transformers.models.blip.image_processing_pil_blip", reason="transformers before 5")
    picture = noise(height, width)
    processor = blip.BlipImageProcessorPil.from_pretrained(FOLDER)
    expected = processor(picture.to_pillow(), return_tensors="pt").pixel_values
    assert expected.shape == (1, 3, 128, 128)
    torch.testing.assert_close(pixels_for(captioner, picture), expected, rtol=0, atol=1e-5)


# ── folders ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as Salesforce's are: its config speaks of generating, its decoder's first id is not the tokenizer's."""
    folder = tmp_path_factory.mktemp("blip")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abc", "##a", "##b"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    narrow = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {
        **narrow, "encoder_hidden_size": 16, "vocab_size": len(words) + 2, "max_position_embeddings": 12,
        "bos_token_id": len(words), "eos_token_id": 2, "sep_token_id": 3, "pad_token_id": 0,
    }  # fmt: skip
    torch.manual_seed(0)
    vision = {**narrow, "image_size": 32, "patch_size": 16}
    BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] |= {"max_length": 20, "min_length": 0, "num_beams": 1, "temperature": 1.0, "top_k": 50}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_any_folder_of_blip_opens(tiny: Path) -> None:
    captioner = open_captioner(tiny)
    assert (captioner.size, captioner.mean, captioner.std) == (32, OPENAI_MEAN, OPENAI_STD)
    assert set(caption(captioner, noise(40, 50), beams=2)) <= set("abc ")


def test_how_it_wants_pictures_stands_beside_it(tiny: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny, tmp_path / "copy")
    (copy / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0, 0, 0], "image_std": [1, 1, 1]}))
    assert pixels_for(open_captioner(copy), Image(np.full((5, 9, 3), 51, dtype=np.uint8))).unique().tolist() == [
        pytest.approx(0.2)
    ]


def test_a_folder_of_another_kind_is_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"clip/config\.json: expected model_type blip, found 'clip'"):
        open_captioner(FOLDER.parent / "clip")
    with pytest.raises(CheckpointError, match=r"config\.json: expected a file, found none"):
        open_captioner(tmp_path)
    copy = shutil.copytree(tiny, tmp_path / "wordless")
    (copy / "vocab.txt").unlink()
    (copy / "tokenizer.json").unlink(missing_ok=True)
    with pytest.raises(CheckpointError, match=r"wordless: expected vocab\.txt or tokenizer\.json, found neither"):
        open_captioner(copy)


def test_a_captioner_that_lacks_a_tensor_is_refused(tiny: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny, tmp_path / "copy")
    tensors = load_file(copy / "model.safetensors")
    del tensors[next(name for name in tensors if "crossattention" in name)]
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"does not fit its config\.json: 1 tensors missing"):
        open_captioner(copy).load()


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_tiles_are_numbered_in_the_order_of_reading() -> None:
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    for number in range(6):
        row, column = divmod(number, 3)
        pixels[row * 20 : row * 20 + 20, column * 20 : column * 20 + 20] = number
    assert [np.unique(tile(Image(pixels), i, columns=3, rows=2).pixels).tolist() for i in range(6)] == [
        [i] for i in range(6)
    ]


@given(
    width=st.integers(8, 70), height=st.integers(8, 70), columns=st.integers(1, 8), rows=st.integers(1, 8),
    overlap=st.floats(0, 0.5),
)  # fmt: skip
def test_tiles_cover_the_picture(width: int, height: int, columns: int, rows: int, overlap: float) -> None:
    numbered = np.arange(width * height, dtype=np.uint32).reshape(height, width)
    pixels = np.stack([numbered % 256, numbered // 256, np.zeros_like(numbered)], axis=-1).astype(np.uint8)
    tiles = [tile(Image(pixels), i, columns, rows, overlap) for i in range(columns * rows)]
    seen = {tuple(pixel) for one in tiles for pixel in one.pixels.reshape(-1, 3)[:, :2].tolist()}
    assert len(seen) == width * height
    ((across, down),) = {one.size for one in tiles}
    assert -1e-6 < across - width / (1 + (columns - 1) * (1 - overlap)) < 1
    assert -1e-6 < down - height / (1 + (rows - 1) * (1 - overlap)) < 1


def test_neighbours_share_what_they_overlap() -> None:
    pixels = np.arange(30, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    left, right = (tile(Image(pixels), i, columns=2, rows=1, overlap=0.5).pixels[0, :, 0].tolist() for i in range(2))
    assert (left, right) == (list(range(20)), list(range(10, 30)))


def test_a_tile_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="tile: expected 0 to 5, for 3 columns and 2 rows make 6, found 6"):
        tile(noise(8, 8), 6, columns=3, rows=2)
    with pytest.raises(ValueError, match=r"tile: expected a picture of at least 4 × 2 pixels, found \(3, 8\)"):
        tile(noise(8, 3), 0, columns=4, rows=2)


def test_alpha_is_cut_with_the_rest() -> None:
    assert tile(Image(np.zeros((8, 8, 4), dtype=np.uint8)), 3).pixels.shape == (4, 4, 4)


@pytest.mark.parametrize(
    ("whole", "parts", "expected"),
    [
        ("a cat", ["a cat", "the Cat"], "a cat"),
        ("a cat", ["a yellow cat", "a cat and a palm tree"], "a cat, a yellow cat, a cat and a palm tree"),
        ("a cat and a palm tree", ["a palm tree", "a cat", "a sun", "a sun"], "a cat and a palm tree, a sun"),
        ("a fox", ["a picture of a fox", " "], "a fox"),
        ("", ["a fox", "", "a fox"], "a fox"),
        ("a fox", [], "a fox"),
        ("", [], ""),
    ],
)
def test_what_says_nothing_new_is_left_out(whole: str, parts: list[str], expected: str) -> None:
    assert joined(whole, parts) == expected


def test_a_picture_in_a_strange_mode_is_read(captioner: CaptionerHandle) -> None:
    assert pixels_for(captioner, Image.from_pillow(Pillow.new("LA", (3, 70)))).shape == (1, 3, 128, 128)
