"""Stage `unet`: learn to take the noise out of latents, given the words (Rombach et al., 2112.10752).

The network predicts the velocity v = α·noise − σ·latent (Salimans and Ho, 2202.00512).
"""

import random
from collections.abc import Callable
from pathlib import Path

import torch
import torch.multiprocessing
from PIL import Image
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from diffusion.unet import UNet, UNetConfig

from . import vae as vae_stage
from . import words as words_stage
from .artwork import CONCEPTS, STYLES, WORK
from .data import DRAWN, load
from .sampling import ALPHAS_CUMPROD, grid, sample, to_pixels
from .scenes import PALETTE, prompt, side_by_side
from .tokens import learned_tokenizer
from .training import Budget, Settings, averaged, batch_of, begun, device, half, join, train
from .words import WIDTH, tokenize

CONFIG = UNetConfig(
    sample_size=16,
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    block_out_channels=(64, 128, 192),
    layers_per_block=1,
    cross_attention_dim=WIDTH,
    attention_head_dim=4,
    norm_num_groups=16,
)
BATCH = 48  # of all processes together
FULLEST = 0.5  # share of samples that are told the longest of a picture's captions; others, any of them
UNCONDITIONAL = 0.1  # share of samples that are told nothing
GAMMA = 5.0
COUNTS = ((0.7, 0.25, 0.05), (0.48, 0.46, 0.06))
"""Shares of pictures with one, two and three things, at first and from half of the training on."""
CALM = ((0.85, 0.85, 0.85), (0.4, 0.75, 0.75))
"""Shares of calm pictures among these, likewise: where one thing stands and how large it is, the seed is to decide."""


def new() -> UNet:
    """A UNet whose residual blocks and transformers begin as the identity, and whose prediction begins as zero."""
    torch.manual_seed(0)
    unet = UNet(CONFIG)
    for name, module in unet.named_modules():
        if name.endswith(("conv2", "proj_out", "conv_out")) and isinstance(module, nn.Conv2d):
            nn.init.zeros_(module.weight)
    return unet


def velocity_loss(unet: nn.Module, latents: Tensor, states: Tensor, generator: torch.Generator) -> Tensor:
    """Squared error of the velocity at random noise levels, spread evenly over the batch.

    An error in v weighs as much as SNR + 1 times one in the clean latent; where that exceeds γ it is held there
    (min-SNR, Hang et al., 2303.09556), so that nearly clean latents do not take up the network.
    """
    shares = (torch.arange(len(latents)) + torch.rand(len(latents), generator=generator)) / len(latents)
    timestep = (shares * len(ALPHAS_CUMPROD)).long().clamp(max=len(ALPHAS_CUMPROD) - 1)
    noise = torch.randn(latents.shape, generator=generator)
    alpha = ALPHAS_CUMPROD[timestep].sqrt()[:, None, None, None]
    sigma = (1 - alpha.square()).sqrt()
    predicted = unet((alpha * latents + sigma * noise).to(device()), timestep.to(device()), states.to(device()))
    error = (predicted.float() - (alpha * noise - sigma * latents).to(device())).square().mean(dim=(1, 2, 3))
    snr = ALPHAS_CUMPROD[timestep] / (1 - ALPHAS_CUMPROD[timestep])
    return (error * ((snr + 1).clamp(max=GAMMA) / (snr + 1)).to(device())).mean()


def captions_of_bank(captions: list[str]) -> Tensor:
    """For each picture of the bank, the places of its captions among the encoded ones, the longest first: (N, each)."""
    place = {text: i for i, text in enumerate(captions)}
    every = (sorted(texts, key=len, reverse=True) for texts in load("train").captions[:DRAWN])
    return torch.tensor([[place[text] for text in texts] for texts in every])


def kinds_of_bank() -> list[Tensor]:
    """Indices of the bank's pictures by kind: calm ones with one, two and three things, then free ones likewise."""
    bank = load("train")
    kinds = [(not calm, len(concepts)) for calm, concepts in zip(bank.calm[:DRAWN], bank.concepts[:DRAWN], strict=True)]
    return [torch.tensor([i for i, kind in enumerate(kinds) if kind == (free, count)])
            for free in (False, True) for count in (1, 2, 3)]  # fmt: skip


def mixture(progress: float) -> Tensor:
    """Shares of the six kinds (`kinds_of_bank`): what is easy to draw comes first, and shapes come within minutes."""
    late = min(1.0, 2 * progress)
    calm, counts = (first + (last - first) * late for first, last in map(torch.tensor, (CALM, COUNTS)))
    return torch.cat([calm * counts, (1 - calm) * counts])


def bank_loss(count: int, goes_on: bool = False) -> Callable[[nn.Module, torch.Generator, float], Tensor]:
    """The loss on `count` latents and captions of the bank, which is mapped, so that processes share its memory.

    A UNet that goes on from trained weights gets the last mixture from the start.
    """
    latents = torch.load(WORK / "latents.pt", mmap=True, weights_only=True)
    encoded = torch.load(WORK / "states.pt", mmap=True, weights_only=True)
    states, choices, kinds = encoded["states"], captions_of_bank(encoded["captions"]), kinds_of_bank()

    def loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
        shares = mixture(1.0 if goes_on else progress)
        chosen = torch.multinomial(shares, count, replacement=True, generator=generator).tolist()
        picks = torch.cat([kinds[kind][batch_of(len(kinds[kind]), 1, generator)] for kind in chosen])
        which = torch.randint(choices.shape[1], (count,), generator=generator)
        which[torch.rand(count, generator=generator) < FULLEST] = 0
        told = choices[picks, which]
        told[torch.rand(count, generator=generator) < UNCONDITIONAL] = 0  # the empty caption
        return velocity_loss(model, latents[picks].float(), states[told].float(), generator)

    return loss


def watcher() -> Callable[[nn.Module, int], None]:
    """Draws a few prompts with the averaged weights at every checkpoint, into `work/samples`."""
    decoder, reader, tokenizer = vae_stage.trained().to(device()), words_stage.trained(), learned_tokenizer()
    rng = random.Random(4)
    colours, styles = list(PALETTE), list(STYLES)
    prompts = [prompt(word, rng.choice(styles), rng.choice(colours)) for word in rng.sample(list(CONCEPTS), 24)]
    pairs = [side_by_side(rng.sample(list(CONCEPTS), 2)) for _ in range(8)]
    prompts += [f"{pair}, {rng.choice(styles)} style, on a {rng.choice(colours)} background" for pair in pairs]
    with torch.no_grad():
        states = reader.text_model(input_ids=tokenize(tokenizer, ["", *prompts], whole=True)).last_hidden_state
    (WORK / "samples").mkdir(exist_ok=True)

    def watch(model: nn.Module, step: int) -> None:
        noise = torch.randn(len(prompts), 4, 16, 16, generator=torch.Generator().manual_seed(0))
        with torch.no_grad(), half():
            latents = sample(model, noise, states[1:], states[:1], steps=12, guidance=3.0)
            pixels = to_pixels(decoder.decode(latents.to(device())))
        Image.fromarray(grid(pixels, 8)).save(WORK / "samples" / f"{step:06}.png")

    return watch


def work(rank: int, processes: int, budget: Budget, source: Path | None = None) -> None:
    """One training process."""
    meeting = WORK / "meeting"
    if processes > 1:
        join(rank, processes, meeting)
    torch.manual_seed(0)
    settings = Settings(7e-4, BATCH, warmup=100, ema=0.999, save_every=900, muon=True)
    watch = watcher() if rank == 0 else None
    # with so few pixels, the plain formula trains a sixth faster on a CPU than the fused kernel
    with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH] if torch.cuda.is_available() else SDPBackend.MATH):
        unet = begun(new(), source, "unet")
        unet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a tenth quicker on a CPU
        loss = bank_loss(BATCH // processes, goes_on=source is not None)
        train(unet, loss, settings, budget, WORK / "unet.pt", rank, processes, watch)


def run(budget: Budget, source: Path | None = None) -> None:
    """Train the UNet: on CUDA in one process, else with as many as there are threads (two at most), of one each.

    What it learns from is encoded first.
    """
    vae_stage.encode_bank()
    words_stage.encode_captions()
    processes = 1 if torch.cuda.is_available() else min(2, torch.get_num_threads())
    (WORK / "meeting").unlink(missing_ok=True)
    if processes == 1:
        work(0, 1, budget, source)
    else:
        torch.multiprocessing.spawn(work, (processes, budget, source), nprocs=processes)


def trained(checkpoint: Path = WORK / "unet.pt") -> UNet:
    """The UNet that this stage has made, with its averaged weights."""
    unet = UNet(CONFIG)
    unet.load_state_dict(averaged(checkpoint))
    return unet.eval()
