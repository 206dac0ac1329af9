"""The training loop that every network of the recipe shares: resumable, timed, averaged, on one process or several.

A step's randomness comes from its number alone, so a run that was stopped and resumed by steps equals one that was not.
"""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from math import cos, pi
from pathlib import Path

import torch
import torch.distributed
from safetensors.torch import load_file
from torch import Tensor, nn

from .muon import Muon, by_muon

DECAY_FROM = 0.7  # of the budget

# (model, generator of this step and process, progress from 0 to 1) → loss
Loss = Callable[[nn.Module, torch.Generator, float], Tensor]


@dataclass(frozen=True)
class Budget:
    """When a training ends: after so many minutes of training time, or so many steps, whichever is given and first.

    None is no limit; with 0 nothing is learnt, and the weights stay as they begin.
    """

    minutes: float | None = None
    steps: int | None = None

    def progress(self, step: int, seconds: float) -> float:
        """How much of the budget is used, from 0 to 1."""
        by_time = 0.0 if self.minutes is None else seconds / 60 / self.minutes if self.minutes else 1.0
        by_steps = 0.0 if self.steps is None else step / self.steps if self.steps else 1.0
        return min(1.0, max(by_time, by_steps))


@dataclass(frozen=True)
class Settings:
    """How to train: AdamW or Muon with a warm-up, a long stretch at the full rate, and a decay to zero at the end."""

    learning_rate: float
    batch: int  # samples a step, of all processes together (for the log)
    weight_decay: float = 0.01
    warmup: int = 200  # steps
    ema: float = 0.999  # decay of the averaged weights; it starts lower
    clip: float = 1.0  # gradient norm
    seed: int = 0
    save_every: float = 180.0  # seconds
    log_every: float = 20.0  # seconds
    half: bool = True  # bfloat16 autocast, where it is quick
    muon: bool = False  # for matrices, AdamW for the rest; or AdamW for all


def device() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def half(on: bool = True) -> AbstractContextManager[None]:
    """bfloat16 autocast on the device in use, but for processors that only emulate it, a tenth as fast as float32."""
    quick = torch.cuda.is_available() or torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return torch.autocast(device().type, torch.bfloat16, enabled=on and quick)


def learning_rate(settings: Settings, step: int, progress: float) -> float:
    """Linear warm-up, the full rate until `DECAY_FROM` of the budget, then half a cosine to zero.

    The full rate knows no end, so that a training can be given more time than it began with; a cosine over all of it
    would have to go up again.
    """
    decay = max(0.0, progress - DECAY_FROM) / (1 - DECAY_FROM)
    return settings.learning_rate * min(1.0, (step + 1) / settings.warmup) * 0.5 * (1 + cos(pi * decay))


WEIGHTS = {  # where a network's weights are in a model's folder
    "judge": "judge.safetensors",
    "text_encoder": "text_encoder/model.safetensors",
    "words": "words.safetensors",  # what reads from the text encoder's vectors
    "vae": "vae/diffusion_pytorch_model.safetensors",
    "clip": "clip/model.safetensors",
    "unet": "unet/diffusion_pytorch_model.safetensors",
    "captioner": "captioner/model.safetensors",
}


def begun(model: nn.Module, folder: Path | None, part: str) -> nn.Module:
    """The network with the weights of a part in `folder`, as far as it has them and names and shapes agree."""
    if folder is None or not (folder / WEIGHTS[part]).exists():
        return model
    given, own = load_file(folder / WEIGHTS[part]), model.state_dict()
    fit = {name: value.float() for name, value in given.items() if name in own and own[name].shape == value.shape}
    model.load_state_dict(fit, strict=False)
    print(f"{part}: {len(fit)} of {len(own)} tensors begin as they are in {folder}", flush=True)
    return model


def train(
    model: nn.Module,
    loss: Loss,
    settings: Settings,
    budget: Budget,
    checkpoint: Path,
    rank: int = 0,
    processes: int = 1,
    watch: Callable[[nn.Module, int], None] | None = None,
) -> nn.Module:
    """Train `model` until the budget is used; returns it with its averaged weights.

    The state is written to `checkpoint` every few minutes, whole or not at all, and read from there at the start: a
    finished training returns at once. With several processes (of `torch.distributed`), gradients are averaged, and all
    of them see the clock of the first. `watch(averaged model, step)` is called after each checkpoint.
    """
    model = model.to(device()).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizers = optimizers_of(model, settings)
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    step, seconds = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device(), weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        average, step, seconds = state["average"], state["step"], state["seconds"]

    def save() -> None:
        if rank == 0:
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            state = {"model": model.state_dict(), "average": average, "step": step, "seconds": seconds}
            state["optimizers"] = [optimizer.state_dict() for optimizer in optimizers]
            torch.save(state, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").replace(checkpoint)

    def watched() -> None:
        if rank == 0 and watch is not None:
            kept = {name: value.clone() for name, value in model.state_dict().items()}
            model.load_state_dict(average)
            watch(model.eval(), step)
            model.load_state_dict(kept)
            model.train()

    def report(since: int, losses: list[Tensor], elapsed: float) -> None:
        if rank == 0 and losses:
            log(checkpoint, settings, step, seconds, torch.stack(losses).mean().item(), (step - since) / elapsed)

    saved = logged = lap = time.monotonic()
    since, losses = step, list[Tensor]()
    while (progress := budget.progress(step, seconds)) < 1:
        spent, lap = time.monotonic() - lap, time.monotonic()  # on the step before this one, with all that went with it
        generator = torch.Generator().manual_seed(hash((settings.seed, step, rank)) % 2**63)
        with half(settings.half):
            value = loss(model, generator, progress)
        value.backward()
        seconds += average_gradients(parameters, processes, spent)
        nn.utils.clip_grad_norm_(parameters, settings.clip)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(settings, step, progress)
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
        step += 1
        decay = min(settings.ema, (1 + step) / (10 + step))
        blend(average, model.state_dict(), decay)
        losses.append(value.detach())
        now = time.monotonic()
        if now - logged > settings.log_every:
            report(since, losses, now - logged)
            logged, since, losses = now, step, list[Tensor]()
        if now - saved > settings.save_every:
            save()
            watched()
            saved = time.monotonic()
    report(since, losses, time.monotonic() - logged)
    save()
    model.load_state_dict(average)
    return model.eval()


def optimizers_of(model: nn.Module, settings: Settings) -> list[torch.optim.Optimizer]:
    """AdamW for the weights that are to learn, or Muon for the matrices among them and AdamW for the rest."""
    matrices = by_muon(model) if settings.muon else []
    rest = [p for p in model.parameters() if p.requires_grad and not any(p is matrix for matrix in matrices)]
    adamw = torch.optim.AdamW(rest, lr=0.0, betas=(0.9, 0.99), weight_decay=settings.weight_decay, fused=True)
    return [adamw, Muon(matrices, settings.weight_decay)] if matrices else [adamw]


def averaged(checkpoint: Path) -> dict[str, Tensor]:
    """The averaged weights in a checkpoint, on the CPU."""
    weights: dict[str, Tensor] = torch.load(checkpoint, map_location="cpu", weights_only=True)["average"]
    return weights


def average_gradients(parameters: list[nn.Parameter], processes: int, spent: float) -> float:
    """Average the gradients over the processes, in place; returns the mean of `spent`, which travels along.

    One message for all: a small model on few cores loses more to many messages than to one copy.
    """
    if processes == 1:
        return spent
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([*(g.reshape(-1) for g in gradients), torch.tensor([spent])])
    torch.distributed.all_reduce(flat)
    flat /= processes
    at = 0
    for gradient in gradients:
        gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
        at += gradient.numel()
    return flat[-1].item()


def blend(average: dict[str, Tensor], current: dict[str, Tensor], decay: float) -> None:
    """Move the averaged weights a little towards the current ones, in place."""
    floats = [name for name, value in average.items() if value.is_floating_point()]
    torch._foreach_lerp_([average[name] for name in floats], [current[name] for name in floats], 1 - decay)
    for name in average.keys() - set(floats):
        average[name].copy_(current[name])


def log(checkpoint: Path, settings: Settings, step: int, seconds: float, loss: float, speed: float) -> None:
    """One line of progress, on the terminal and as JSON beside the checkpoint; `speed` is in steps a second."""
    line = {"step": step, "samples": step * settings.batch, "minutes": round(seconds / 60, 2), "loss": round(loss, 5)}
    line["samples_per_second"] = round(speed * settings.batch, 1)
    print(f"{checkpoint.stem}: " + ", ".join(f"{key} {value}" for key, value in line.items()), flush=True)
    with checkpoint.with_suffix(".log").open("a") as file:
        file.write(json.dumps(line) + "\n")


def batch_of(bank_size: int, count: int, generator: torch.Generator) -> Tensor:
    """Indices of a random batch."""
    return torch.randint(bank_size, (count,), generator=generator)


def join(rank: int, processes: int, meeting: Path) -> None:
    """Join the group of training processes, which meet at a file. One thread each."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", f"file://{meeting.resolve()}", timedelta(minutes=10), world_size=processes, rank=rank
    )
