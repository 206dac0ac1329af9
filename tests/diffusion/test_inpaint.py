"""Inpainting: the blend's formula, masks of any resolution, and what a UNet trained to inpaint is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel
from PIL import Image as Pillow
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from diffusion import checkpoint, text
from diffusion.guidance import guided
from diffusion.image import Image, Mask, crop
from diffusion.inpaint import Channels, blend, expect_channels, inpaint_channels, mask_for
from diffusion.latent import Estimate, Latent
from diffusion.noise import Noise
from diffusion.prediction import Denoiser
from diffusion.samplers import ddim, start
from diffusion.schedules import Training, make_schedule
from diffusion.unet import UNet, UNetConfig
from diffusion.vae import VAE, VAEConfig, decode_latent, encode_image

G = torch.Generator().manual_seed(0)
SAMPLES, KNOWN, NOISE = (torch.randn(1, 4, 8, 8, generator=G) for _ in range(3))
LATENT = Latent(SAMPLES, 2.5, (Estimate(SAMPLES, 3.0, "epsilon"),), SAMPLES)
CLEAN = Latent(KNOWN, 0.0)


def mask(value: int, height: int = 16, width: int = 16) -> Mask:
    """A mask of one value."""
    return Mask(np.full((height, width), value, dtype=np.uint8))


def test_white_repaints_freely() -> None:
    assert torch.equal(blend(LATENT, CLEAN, mask(255), NOISE).samples, SAMPLES)


def test_black_keeps_the_known_at_this_noise_level() -> None:
    assert torch.equal(blend(LATENT, CLEAN, mask(0), NOISE).samples, KNOWN + 2.5 * NOISE)


def test_grey_blends() -> None:
    expected = 0.2 * SAMPLES + 0.8 * (KNOWN + 2.5 * NOISE)
    assert torch.allclose(blend(LATENT, CLEAN, mask(51), NOISE).samples, expected, atol=1e-6)


def test_after_the_last_step_the_known_is_put_back_clean() -> None:
    assert torch.equal(blend(Latent(SAMPLES, 0.0), CLEAN, mask(0), NOISE).samples, KNOWN)


def test_half_a_mask_repaints_half() -> None:
    values = np.zeros((16, 16), dtype=np.uint8)
    values[:, 8:] = 255
    blended = blend(LATENT, CLEAN, Mask(values), NOISE).samples
    assert torch.equal(blended[..., 4:], SAMPLES[..., 4:])
    assert torch.equal(blended[..., :4], (KNOWN + 2.5 * NOISE)[..., :4])


def test_each_value_is_the_share_of_white_under_it() -> None:
    values = np.zeros((16, 16), dtype=np.uint8)
    values[0, 0] = 255  # one of four pixels
    shares = mask_for(LATENT, Mask(values))
    assert shares.shape == (1, 1, 8, 8)
    assert shares[0, 0, 0, 0] == pytest.approx(0.25, abs=1 / 255)
    assert shares.sum() == shares[0, 0, 0, 0]


@pytest.mark.parametrize("size", [(8, 8), (5, 7), (1, 1), (300, 200)])
def test_a_mask_may_have_any_resolution(size: tuple[int, int]) -> None:
    assert torch.equal(mask_for(LATENT, mask(255, *size)), torch.ones(1, 1, 8, 8))


def test_the_latent_keeps_its_noise_level_and_history() -> None:
    blended = blend(LATENT, CLEAN, mask(0), NOISE)
    assert (blended.sigma, blended.history, blended.denoised) == (2.5, LATENT.history, LATENT.denoised)


def test_inputs_stay_as_they_are() -> None:
    before = [tensor.clone() for tensor in (SAMPLES, KNOWN, NOISE)]
    blend(LATENT, CLEAN, mask(100), NOISE)
    assert all(map(torch.equal, (SAMPLES, KNOWN, NOISE), before))


def test_a_known_latent_of_another_size_is_refused() -> None:
    other = Latent(torch.zeros(1, 4, 4, 8), 0.0)
    message = r"known: expected shape \(1, 4, 8, 8\), found \(1, 4, 4, 8\); encode the picture at the size of the noise"
    with pytest.raises(ValueError, match=message):
        blend(LATENT, other, mask(0), NOISE)


# ── channels ──────────────────────────────────────────────────────────────────────────────────────────────────────────

PICTURE = Image(np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def vae() -> VAE:
    """A VAE of random weights, whose factor is 4."""
    torch.manual_seed(0)
    return VAE(VAEConfig(block_out_channels=(4, 8, 8), layers_per_block=1, norm_num_groups=4, scaling_factor=0.5))


def right_half() -> Mask:
    """Of PICTURE, and an odd column more."""
    values = np.zeros((16, 24), dtype=np.uint8)
    values[:, 11:] = 200
    return Mask(values)


def test_the_mask_comes_first_then_the_latent_of_the_masked_picture(vae: VAE) -> None:
    channels = inpaint_channels(vae, PICTURE, right_half()).tensor
    assert channels.shape == (1, 5, 4, 6) and channels.dtype == torch.float32
    assert torch.equal(channels[0, 0], torch.tensor([0, 0, 0, 1, 1, 1]).float().expand(4, 6))
    x = torch.from_numpy(PICTURE.pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    x[..., 11:] = 0
    with torch.no_grad():
        assert torch.allclose(channels[:, 1:], vae.encode(x)[0] * 0.5, atol=1e-6)


def test_what_is_masked_is_not_shown(vae: VAE) -> None:
    behind, beside = PICTURE.pixels.copy(), PICTURE.pixels.copy()
    behind[:, 11:] = 255 - behind[:, 11:]
    beside[0, 10] += 99
    shown = inpaint_channels(vae, PICTURE, right_half()).tensor
    assert torch.equal(inpaint_channels(vae, Image(behind), right_half()).tensor, shown)
    assert not torch.equal(inpaint_channels(vae, Image(beside), right_half()).tensor, shown)


def test_a_black_mask_shows_the_whole_picture(vae: VAE) -> None:
    for seed in (None, 3):
        channels = inpaint_channels(vae, PICTURE, mask(0, 16, 24), seed).tensor
        assert torch.equal(channels[:, 1:], encode_image(vae, PICTURE, seed).samples)
        assert channels[:, 0].max() == 0


@pytest.mark.parametrize(("value", "expected"), [(127, 0), (128, 1)])
def test_the_mask_is_made_hard(vae: VAE, value: int, expected: int) -> None:
    assert (inpaint_channels(vae, PICTURE, mask(value, 16, 24)).tensor[:, 0] == expected).all()


def test_a_mask_of_another_size_is_stretched(vae: VAE) -> None:
    small = Mask(np.array([[0, 255]], dtype=np.uint8))
    shown = inpaint_channels(vae, PICTURE, small).tensor[0, 0]
    assert torch.equal(shown, torch.tensor([0, 0, 0, 1, 1, 1]).float().expand(4, 6))


def test_a_picture_that_the_vae_cannot_take_is_refused(vae: VAE) -> None:
    message = "image: expected width and height to be multiples of 4, found 24 × 15; resize it first, to 24 × 16 say"
    with pytest.raises(ValueError, match=message):
        inpaint_channels(vae, crop(PICTURE, 0, 0, 24, 15), right_half())


@pytest.mark.parametrize("shape", [(5, 8, 8), (2, 5, 8, 8)])
def test_channels_are_of_one_sample(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"Channels\.tensor: expected shape \(1, C, h, w\), found \("):
        Channels(torch.zeros(shape))


def test_a_denoiser_shows_the_channels_behind_the_latent() -> None:
    seen: list[Tensor] = []

    def unet(sample: Tensor, timestep: Tensor, states: Tensor) -> Tensor:
        seen.append(sample)
        return sample[:, :4]

    channels, x = torch.randn(1, 5, 8, 8, generator=G), torch.cat([SAMPLES, KNOWN])
    denoise = guided(Denoiser(unet, Training.from_config({}), channels), torch.ones(1, 77, 4), torch.zeros(1, 77, 4))
    denoise(x, 2.0)
    assert seen[0].shape == (4, 9, 8, 8)  # both samples, with and without the prompt
    assert torch.allclose(seen[0][:, :4], torch.cat([x, x]) / 5**0.5)
    assert torch.equal(seen[0][:, 4:], channels.expand(4, -1, -1, -1))


FOUR, NINE = UNetConfig(), UNetConfig(in_channels=9)


def zeros(*shape: int) -> Channels:
    """Channels of some shape."""
    return Channels(torch.zeros(1, *shape))


def test_channels_that_fit_are_let_through() -> None:
    expect_channels(FOUR, LATENT, None)
    expect_channels(NINE, LATENT, zeros(5, 8, 8))


@pytest.mark.parametrize(
    ("config", "channels", "message"),
    [
        (
            NINE,
            None,
            "expected 5 beside the latent's 4, found none; this UNet was trained to inpaint: link inp",
        ),
        (
            NINE,
            zeros(4, 8, 8),
            "expected 5 beside the latent's 4, found 4; this UNet was trained to inpaint: link inp",
        ),
        (
            FOUR,
            zeros(5, 8, 8),
            "expected none beside the latent's 4, found 5; this UNet reads the latent alone: inp",
        ),
        (NINE, zeros(5, 4, 8), "expected the latent's size 8 × 8, found 8 × 4; make noise and channels for a picture"),
    ],
)
def test_channels_that_do_not_fit_are_refused(config: UNetConfig, channels: Channels | None, message: str) -> None:
    with pytest.raises(ValueError, match=f"^channels: {message}"):
        expect_channels(config, LATENT, channels)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers under numpy 2
@pytest.mark.parametrize("seed", [7, 8])
def test_the_picture_is_that_of_diffusers_pipeline(tiny_model: Path, seed: int) -> None:
    handles = checkpoint.open_checkpoint(tiny_model)
    config, vae = replace(handles.unet.config, in_channels=9), handles.vae.load()
    torch.manual_seed(1)
    unet = UNet(config).eval().requires_grad_(False)
    noise = Noise(seed, (4, 8, 8))
    picture = Image(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    values = np.zeros((16, 16), dtype=np.uint8)
    values[3:13, 6:] = 255
    values[5:7, 5] = 140

    theirs = UNet2DConditionModel.from_config({**config.to_dict(), "_class_name": "UNet2DConditionModel"}).eval()
    theirs.load_state_dict(unet.state_dict())
    scheduler = DDIMScheduler.from_pretrained(tiny_model / "scheduler", clip_sample=False)
    pipeline = StableDiffusionInpaintPipeline(
        vae=AutoencoderKL.from_pretrained(
            tiny_model / "vae", down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2
        ),
        text_encoder=CLIPTextModel.from_pretrained(tiny_model / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(tiny_model / "tokenizer"),
        unet=theirs, scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        "a cat face", negative_prompt="", image=picture.to_pillow(), mask_image=Pillow.fromarray(values),
        num_inference_steps=20, guidance_scale=4.0, height=16, width=16, strength=1.0,
        latents=noise.draw(0),  # so that the generator is first drawn from for the masked picture's latent
        generator=torch.Generator("cpu").manual_seed(seed),
    ).images[0]  # fmt: skip

    encoder, tokenizer = handles.text_encoder.load(), handles.tokenizer.load()
    positive, negative = (text.encode(encoder, text.tokenize(tokenizer, words)).states for words in ("a cat face", ""))
    channels = inpaint_channels(vae, picture, Mask(values), seed)
    schedule = make_schedule(handles.unet.training, 20, "default", "ddim")
    latent = start(noise.draw(0), schedule)
    expect_channels(config, latent, channels)
    denoise = guided(Denoiser(unet, handles.unet.training, channels.tensor), positive, negative, 4.0)
    for i in range(20):
        latent = ddim(denoise, latent, schedule.step(i))
    made = decode_latent(vae, latent).pixels
    assert np.abs(np.asarray(expected, dtype=np.int16) - made).max() <= 2
    assert np.ptp(made) > 20
