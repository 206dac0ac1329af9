"""The UNet and the VAE against diffusers: same random weights, same answer."""

from __future__ import annotations

import pytest
import torch

from diffusion.blocks import ConfigError
from diffusion.unet import UNet, UNetConfig
from diffusion.vae import VAE, VAEConfig, current_names

TOLERANCE = 1e-4

SMALL_UNET = {
    "sample_size": 16, "in_channels": 4, "out_channels": 4, "layers_per_block": 1, "cross_attention_dim": 32,
    "block_out_channels": [32, 64, 64], "attention_head_dim": 4, "norm_num_groups": 8,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
}  # fmt: skip
SD15_UNET = {
    "sample_size": 64, "in_channels": 4, "out_channels": 4, "layers_per_block": 2, "cross_attention_dim": 768,
    "block_out_channels": [320, 640, 1280, 1280], "attention_head_dim": 8, "norm_num_groups": 32,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}  # fmt: skip
SMALL_VAE = {
    "block_out_channels": [16, 32, 32], "layers_per_block": 1, "latent_channels": 4, "norm_num_groups": 4,
    "down_block_types": ["DownEncoderBlock2D"] * 3, "up_block_types": ["UpDecoderBlock2D"] * 3,
}  # fmt: skip
SD15_VAE = {
    "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "latent_channels": 4, "norm_num_groups": 32,
    "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
}  # fmt: skip


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference over the largest value."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


def randomised(module: torch.nn.Module) -> torch.nn.Module:
    """Weights and biases that are all non-zero, so that no path through the network is silent."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(noise * (0.02 if parameter.ndim > 1 else 0.1))
    return module.eval()


def compare_unet(config: dict, size: tuple[int, int], batch: int = 2) -> None:
    diffusers = pytest.importorskip("diffusers")
    theirs = randomised(diffusers.UNet2DConditionModel(**config))
    ours = UNet(UNetConfig.from_dict(theirs.config)).eval()
    ours.load_state_dict(theirs.state_dict())
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, config["in_channels"], *size, generator=generator)
    states = torch.randn(batch, 77, config["cross_attention_dim"], generator=generator)
    t = torch.tensor([951.0, 1.5])[:batch]
    with torch.inference_mode():
        assert relative(ours(x, t, states), theirs(x, t, states).sample) <= TOLERANCE


def compare_vae(config: dict, size: int) -> None:
    diffusers = pytest.importorskip("diffusers")
    theirs = randomised(diffusers.AutoencoderKL(**config))
    ours = VAE(VAEConfig.from_dict(theirs.config)).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        posterior = theirs.encode(x).latent_dist
        mean, logvar = ours.encode(x)
        assert relative(mean, posterior.mean) <= TOLERANCE
        assert relative(logvar, posterior.logvar) <= TOLERANCE
        assert relative(ours.decode(mean), theirs.decode(posterior.mean).sample) <= TOLERANCE


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"use_linear_projection": True, "attention_head_dim": [2, 4, 8]},
        {"in_channels": 9},
        {"layers_per_block": 2},
        {"flip_sin_to_cos": False, "freq_shift": 1},
    ],
    ids=["plain", "sd2", "inpaint", "two-layers", "time"],
)
def test_small_unet_equals_diffusers(change: dict) -> None:
    compare_unet(SMALL_UNET | change, (16, 12))


def test_odd_sizes_equal_diffusers() -> None:
    compare_unet(SMALL_UNET, (18, 13))


def test_small_vae_equals_diffusers() -> None:
    compare_vae(SMALL_VAE, 32)


@pytest.mark.slow
def test_sd15_unet_equals_diffusers() -> None:
    compare_unet(SD15_UNET, (32, 32), batch=1)


@pytest.mark.slow
def test_sd15_vae_equals_diffusers() -> None:
    compare_vae(SD15_VAE, 128)


def test_old_vae_names_are_read() -> None:
    state = VAE(VAEConfig.from_dict(SMALL_VAE)).state_dict()
    old = {
        k.replace("to_q", "query").replace("to_k", "key").replace("to_v", "value").replace("to_out.0", "proj_attn"): v
        for k, v in state.items()
    }
    assert old.keys() != state.keys()
    assert current_names(old).keys() == state.keys()


def test_an_unbuilt_variant_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"addition_embed_type.*text_time"):
        UNetConfig.from_dict(SMALL_UNET | {"addition_embed_type": "text_time"})


def test_an_unbuilt_block_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"down_block_types.*AttnDownBlock2D"):
        UNetConfig.from_dict(SMALL_UNET | {"down_block_types": ["AttnDownBlock2D"] * 3})


def test_config_round_trip() -> None:
    config = UNetConfig.from_dict(SMALL_UNET)
    assert UNetConfig.from_dict(config.to_dict()) == config
