"""Stage `vae`: pictures 128×128 ⇄ latents 4×16×16.

Three things beside the reconstruction make the latents easy to learn for the UNet: a little noise in them (the KL
term), a decoder that also understands latents shrunk by half (EQ-VAE, Kouzelis et al., 2502.09509), and whitened
channels.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diffusion.vae import VAE, VAEConfig

from .artwork import WORK
from .data import DRAWN, Bank, load
from .judge import resized, tensor
from .scenes import SIZE
from .training import Budget, Settings, batch_of, begun, device, half, train

CONFIG = VAEConfig(
    block_out_channels=(16, 32, 64, 128), layers_per_block=1, norm_num_groups=4, sample_size=SIZE, scaling_factor=1.0
)
BATCH = 16
CROP = 64  # pixels a side, for the first part of the training; then whole pictures
CROPS_UNTIL = 0.6  # of the training
KL_WEIGHT = 1e-4


def new() -> VAE:
    """A VAE whose residual blocks begin as the identity."""
    torch.manual_seed(0)
    vae = VAE(CONFIG)
    for name, module in vae.named_modules():
        if name.endswith("conv2") and isinstance(module, nn.Conv2d):
            nn.init.zeros_(module.weight)
    return vae


def difference(made: Tensor, picture: Tensor) -> Tensor:
    """Mean absolute and squared error of colours, and of their changes along both sides, which keeps edges crisp."""
    error = made - picture
    edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    return error.abs().mean() + 2 * error.square().mean() + 0.5 * edges


def crops(known: Bank, others: Bank, count: int, side: int, generator: torch.Generator) -> Tensor:
    """Random squares of two in three known pictures and one in three others: (count, 3, side, side)."""
    picks = [known.pictures[i] for i in batch_of(len(known), count * 2 // 3, generator).tolist()]
    picks += [others.pictures[i] for i in batch_of(len(others), count - len(picks), generator).tolist()]
    found = []
    for picture in picks:
        y, x = torch.randint(SIZE - side + 1, (2,), generator=generator).tolist()
        found.append(tensor(picture[y : y + side, x : x + side]))
    return torch.stack(found).to(device())


def run(budget: Budget, source: Path | None = None) -> VAE:
    """Train the VAE on the concepts (two in three pictures) and on all other emoji, and whiten it."""
    known, others = load("train"), load("other")

    def loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
        assert isinstance(model, VAE)
        side, count = (CROP, BATCH) if progress < CROPS_UNTIL else (SIZE, BATCH // 4)
        pictures = crops(known, others, count, side, generator)
        mean, logvar = model.encode(pictures)
        mean, logvar = mean.float(), logvar.float()
        z = mean + (0.5 * logvar).exp() * torch.randn(mean.shape, generator=generator).to(mean)
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        few = count // 4
        shrunk = model.decode(F.avg_pool2d(z[:few], 2))
        equivariance = difference(shrunk, F.avg_pool2d(pictures[:few], 2))
        return difference(model.decode(z), pictures) + 0.1 * equivariance + KL_WEIGHT * kl

    vae = train(begun(new(), source, "vae"), loss, Settings(1e-3, BATCH, ema=0.998), budget, WORK / "vae.pt")
    assert isinstance(vae, VAE)
    for split in ("test", "test_other"):
        print(f"vae: {split}: {psnr(vae, split, SIZE)[0]:.2f} dB", flush=True)
    if not (WORK / "vae-whitened.pt").exists():
        whiten(vae, encode(vae, load("train").pictures[:3000]))
        torch.save(vae.state_dict(), WORK / "vae-whitened.pt")
    return trained()


@torch.no_grad()
def encode(vae: VAE, pictures: np.ndarray) -> Tensor:
    """The latents (means) of pictures (N, H, H, 3), as (N, 4, 16, 16) on the CPU."""
    latents = []
    with half():
        for i in range(0, len(pictures), 64):
            latents.append(vae.encode(tensor(pictures[i : i + 64]).to(device()))[0].float().cpu())
    return torch.cat(latents)


def whiten(vae: VAE, latents: Tensor) -> None:
    """Fold each channel's mean and deviation into the 1×1 convolutions around the latent, which then has neither."""
    deviation, mean = torch.std_mean(latents.to(device()), dim=(0, 2, 3))
    if (deviation - 1).abs().max() < 0.05 and mean.abs().max() < 0.05:
        return  # they are white, as those of a model that ships
    channels = len(mean)
    into, out = vae.quant_conv, vae.post_quant_conv
    assert isinstance(into, nn.Conv2d) and isinstance(out, nn.Conv2d) and into.bias is not None and out.bias is not None
    with torch.no_grad():
        into.weight[:channels] /= deviation[:, None, None, None]
        into.bias[:channels] = (into.bias[:channels] - mean) / deviation
        into.bias[channels:] -= 2 * deviation.log()  # log variances
        out.bias += out.weight[:, :, 0, 0] @ mean
        out.weight *= deviation[None, :, None, None]


def encode_bank() -> None:
    """Write the latents (pictures, 4, 16, 16) of what the UNet learns from, if need be."""
    if not (WORK / "latents.pt").exists():
        latents = encode(trained().to(device()), load("train").pictures[:DRAWN])
        torch.save(latents.half(), WORK / "latents.pt")


def trained() -> VAE:
    """The VAE that this stage has made."""
    vae = VAE(CONFIG)
    vae.load_state_dict(torch.load(WORK / "vae-whitened.pt", map_location="cpu", weights_only=True))
    return vae.eval()


@torch.no_grad()
def psnr(vae: VAE, split: str, *sides: int, count: int = 400) -> list[float]:
    """Mean peak signal-to-noise ratio of pictures that went through it at its own size, seen at sizes, in decibels."""
    pictures = tensor(load(split).pictures[:count]).to(device())
    own = resized(pictures, vae.config.sample_size)
    with half():
        made = torch.cat([vae.decode(vae.encode(part)[0]).float() for part in own.split(50)])
    ratios = []
    for side in sides:
        error = resized(made.clamp(-1, 1), side) - resized(pictures, side)
        mse = error.square().mean(dim=(1, 2, 3)) / 4  # of the range [0, 1]
        ratios.append((-10 * mse.clamp_min(1e-10).log10()).mean().item())
    return ratios
