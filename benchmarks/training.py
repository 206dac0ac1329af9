"""What a step of training takes: peak memory and seconds, ours and that of diffusers' example, each in its own process.

On the CPU memory is the process's largest resident set, on CUDA what torch has allocated. The weights of Stable
Diffusion 1.5 are random here: shapes are what counts.
"""

from __future__ import annotations

import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from benchmarks.table import Row

if TYPE_CHECKING:
    from diffusion.checkpoint import Checkpoint

EMOJI = Path(__file__).resolve().parent.parent / "models" / "emoji"
GIB = 1 << 30
MEMORY, MINUTES, STEPS = 16 * GIB, 15, 800
"""What one graphics card has, and the time that DreamBooth's usual number of steps may take on it."""


@dataclass(frozen=True)
class Case:
    """One training, of batches of one.

    how: our LoRA, all weights, a new word; or the LoRA of diffusers' example, with peft.
    size: of the latents.
    steps: that are timed, after one that is not.
    """

    model: Literal["shipped", "SD 1.5"]
    how: Literal["LoRA", "full", "inversion", "peft"]
    size: int
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    recompute: bool = False
    optimizer: Literal["adamw", "adamw8bit"] = "adamw"
    steps: int = 1

    def __str__(self) -> str:
        """As it stands in the table."""
        options = ["gradient checkpointing"] * self.recompute + [self.optimizer] * (self.how == "full")
        return ", ".join([self.model, self.how, f"{self.size} × {self.size}", self.precision, *options])


class Cost(NamedTuple):
    """Seconds a step, and peak memory in bytes."""

    seconds: float
    memory: int


def cases(device: str) -> list[tuple[Case, Case | None]]:
    """What is measured on a device, each with the one of diffusers that it is compared with."""
    shipped = Case("shipped", "LoRA", 16, steps=20), Case("shipped", "peft", 16, steps=20)
    if device == "cpu":
        return [
            shipped,
            (Case("SD 1.5", "LoRA", 64), Case("SD 1.5", "peft", 64)),
            (Case("SD 1.5", "LoRA", 64, recompute=True), Case("SD 1.5", "peft", 64, recompute=True)),
            (Case("SD 1.5", "inversion", 64), None),
        ]
    halves: tuple[Literal["bfloat16", "float16"], ...] = ("float16", "bfloat16")
    pairs = [
        tuple(Case("SD 1.5", how, 64, half, recompute, steps=20) for how in ("LoRA", "peft"))
        for half in halves for recompute in (False, True)
    ]  # fmt: skip
    whole = Case("SD 1.5", "full", 64, "float16", True, "adamw8bit", steps=20)
    return [shipped, *pairs, (whole, None), (Case("SD 1.5", "inversion", 64, steps=20), None)]  # type: ignore[list-item]


def rows() -> list[Row]:
    """A row for each case, with the ratios to diffusers where there is one to compare with."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    where = torch.cuda.get_device_name() if device == "cuda" else f"{device}, {torch.get_num_threads()} threads"
    found = []
    for ours, theirs in cases(device):
        cost = measured(ours)
        text, goal = f"{cost.seconds:.2f} s a step, {cost.memory / GIB:.1f} GiB", f"≤ {MEMORY / GIB:.0f} GiB"
        reached = cost.memory <= MEMORY
        if device == "cuda":
            text += f", {STEPS} steps in {cost.seconds * STEPS / 60:.1f} min"
            goal, reached = f"{goal}, ≤ {MINUTES} min", reached and cost.seconds * STEPS <= MINUTES * 60
        found.append(Row(f"{ours}; {where}", text, goal, reached))
        if theirs is not None:
            other = measured(theirs)
            ratios = cost.seconds / other.seconds, cost.memory / other.memory
            text = f"{other.seconds:.2f} s, {other.memory / GIB:.1f} GiB; {ratios[0]:.2f} × and {ratios[1]:.2f} ×"
            found.append(Row("  diffusers and peft; ours to theirs", text, "≤ 1.1 ×", max(ratios) <= 1.1))
    return found


def measured(case: Case) -> Cost:
    """A case in a new process."""
    command = [sys.executable, "-m", "benchmarks.training", json.dumps(asdict(case))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=EMOJI.parents[1], check=True)
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


# ── in that process ───────────────────────────────────────────────────────────────────────────────────────────────────


def measure(case: Case) -> Cost:
    """The median of some steps, and the most memory that was taken."""
    import torch

    from diffusion.runtime import make_runtime, use

    cuda = torch.cuda.is_available()
    place = make_runtime("auto", case.precision if cuda else "float32")
    times: list[float] = []

    def watch(done: int) -> None:
        if cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter())

    with use(lambda: place):
        step = {"LoRA": tune, "full": tune, "inversion": invert, "peft": follow_example}[case.how]
        step(case, watch)
    if cuda:
        memory = torch.cuda.max_memory_allocated()
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if platform.system() == "Darwin" else 1024)
    return Cost(statistics.median(b - a for a, b in pairwise(times)), memory)


def parts(case: Case) -> Checkpoint:
    """The handles of a model; those of Stable Diffusion's shapes find random weights in the store."""
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel

    from diffusion import runtime
    from diffusion.checkpoint import Checkpoint, TextEncoderHandle, UNetHandle, open_checkpoint
    from diffusion.unet import UNet, UNetConfig

    shipped = open_checkpoint(EMOJI)
    if case.model == "shipped":
        return shipped
    text = CLIPTextConfig(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
                          num_attention_heads=12)  # fmt: skip
    unet = UNetHandle(Path("unet"), (0, 0), UNetConfig(), shipped.unet.training)
    encoder = TextEncoderHandle(Path("text_encoder"), (0, 0), rows=49408, width=768)
    place = runtime.current()
    networks = [(encoder, lambda: CLIPTextModel(text)), (unet, lambda: UNet(UNetConfig()))]
    for handle, make in networks[: 1 if case.how == "peft" else 2]:  # the example brings its own UNet
        with torch.device(place.device):
            network = make().to(place.dtype).eval().requires_grad_(False)
        place.weights.get(handle.identity(), lambda network=network: network)
    return Checkpoint(unet, shipped.vae, encoder, shipped.tokenizer)


def examples(case: Case) -> Any:
    """One random latent with its caption."""
    import torch

    from diffusion.training import Examples

    return Examples(torch.randn(1, 4, case.size, case.size), ("a dog",))


def tune(case: Case, watch: Callable[[int], None]) -> None:
    """LoRA of rank 4 on the attention, or all weights of the UNet."""
    from diffusion.finetune import begin, train

    unet, _, encoder, tokenizer = parts(case)
    begun = begin(unet, encoder, "full" if case.how == "full" else "lora")
    train(begun, unet, encoder, tokenizer, examples(case), steps=case.steps + 1, watch=watch,
          gradient_checkpointing=case.recompute, optimizer=case.optimizer, precision=case.precision)  # fmt: skip


def invert(case: Case, watch: Callable[[int], None]) -> None:
    """A word of one vector."""
    from diffusion.inversion import begin, train

    unet, _, encoder, tokenizer = parts(case)
    train(begin(tokenizer, encoder, "*"), unet, encoder, tokenizer, examples(case), steps=case.steps + 1, batch=1,
          prompts=["a photo of *"], watch=watch)  # fmt: skip


def follow_example(case: Case, watch: Callable[[int], None]) -> None:
    """The loop of diffusers' train_dreambooth_lora.py: frozen weights in the precision, LoRA in float32, AdamW."""
    import torch
    from diffusers import DDPMScheduler, UNet2DConditionModel
    from peft import LoraConfig

    from diffusion import runtime
    from diffusion.training import prompt_ids

    place, dtype = runtime.current(), getattr(torch, case.precision)
    _, _, text_encoder, tokenizer = parts(case)
    encoder, ids = text_encoder.load(), prompt_ids(tokenizer, ["a dog"]).to(place.device)
    if case.model == "shipped":
        unet = UNet2DConditionModel.from_pretrained(EMOJI / "unet").to(place.device)
    else:
        with torch.device(place.device):
            unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)  # else its defaults are the shapes
    unet.requires_grad_(False).to(dtype)
    targets = ["to_k", "to_q", "to_v", "to_out.0"]
    unet.add_adapter(LoraConfig(r=4, lora_alpha=4, init_lora_weights="gaussian", target_modules=targets))
    if case.recompute:
        unet.enable_gradient_checkpointing()
    unet.train()
    learning = [parameter for parameter in unet.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.data = parameter.data.float()
    optimizer = torch.optim.AdamW(learning, lr=1e-4)
    scaler = torch.amp.GradScaler(place.device.type, enabled=case.precision == "float16")
    scheduler = DDPMScheduler.from_pretrained(EMOJI / "scheduler")
    latents = examples(case).latents.to(place.device, dtype)
    with torch.no_grad():
        states = encoder(ids)[0].to(dtype)
    for step in range(case.steps + 1):
        noise = torch.randn_like(latents)
        timesteps = torch.randint(1000, (1,), device=place.device)
        noisy = scheduler.add_noise(latents, noise, timesteps)
        with torch.autocast(place.device.type, dtype, enabled=case.precision != "float32"):
            said = unet(noisy, timesteps, states).sample
        scaler.scale(torch.nn.functional.mse_loss(said.float(), noise.float())).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        watch(step + 1)


if __name__ == "__main__":
    print(json.dumps(measure(Case(**json.loads(sys.argv[1])))))
