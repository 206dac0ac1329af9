"""One picture of the shipped model, 20 steps with guidance, warm: Diffuscope and diffusers on the same weights."""

from __future__ import annotations

from pathlib import Path

from benchmarks.table import Row, side_by_side
from diffuscope import Engine, load_workflow

ROOT = Path(__file__).resolve().parent.parent
INPUTS = {"prompt": "a cat face", "steps": 20, "guidance_scale": 4.0, "seed": 42, "sampler": "ddim"}


def rows() -> list[Row]:
    """The ratio, and both times."""
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    workflow = load_workflow(ROOT / "workflows" / "text_to_image.json")
    pipeline = StableDiffusionPipeline.from_pretrained(ROOT / "models" / "emoji", torch_dtype=torch.float32)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pipeline.to(device)
    engine = Engine(device=device)

    def ours() -> object:
        engine.cache.memory.clear()  # weights stay, values do not
        return engine.run(workflow, only="image", **INPUTS)["image"]

    def theirs() -> object:
        return pipeline(
            INPUTS["prompt"], negative_prompt="", num_inference_steps=INPUTS["steps"],
            guidance_scale=INPUTS["guidance_scale"], generator=torch.Generator().manual_seed(42),
        ).images[0]  # fmt: skip

    ours(), theirs()
    mine, other, ratio = side_by_side(ours, theirs)
    cores = f"{torch.get_num_threads()} threads" if device == "cpu" else torch.cuda.get_device_name()
    return [
        Row(f"one picture, {device}, {cores}: Diffuscope / diffusers", f"{mine:.2f} s / {other:.2f} s = {ratio:.2f}",
            "≤ 1.0", ratio <= 1.0),
        Row("one picture in seconds", f"{mine:.2f} s", "≤ 1 s", mine <= 1),
    ]  # fmt: skip
