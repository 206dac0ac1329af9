"""The stages of diffusion, imported when one is first used: the one place where heavy imports are put off.

`from nodes.stages import samplers` costs nothing; `samplers.euler` imports torch.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffusion import (
        algebra,
        attention,
        captioner,
        checkpoint,
        clip,
        composite,
        dataset,
        export,
        finetune,
        guidance,
        heat,
        image,
        inpaint,
        interrogate,
        inversion,
        latent,
        learned,
        lora,
        lora_files,
        maps,
        masks,
        measures,
        nearest_picture,
        noise,
        plots,
        prediction,
        preview,
        samplers,
        schedules,
        sheets,
        terms,
        text,
        tokens_picture,
        training,
        vae,
    )

    __all__ = [
        "algebra", "attention", "captioner", "checkpoint", "clip", "composite", "dataset", "export", "finetune",
        "guidance", "heat", "image", "inpaint", "interrogate", "inversion", "latent", "learned", "lora", "lora_files",
        "maps", "masks", "measures", "nearest_picture", "noise", "plots", "prediction", "preview", "samplers",
        "schedules", "sheets", "terms", "text", "tokens_picture", "training", "vae",
    ]  # fmt: skip
else:

    class Stage(ModuleType):
        """A module that is imported when one of its attributes is first asked for.

        It does not stand in `sys.modules`: torch looks at all that stand there while it is imported itself, and would
        wake those that import torch.
        """

        def __getattr__(self, name: str) -> Any:
            return getattr(importlib.import_module(self.__name__), name)

    algebra = Stage("diffusion.algebra")
    attention = Stage("diffusion.attention")
    captioner = Stage("diffusion.captioner")
    checkpoint = Stage("diffusion.checkpoint")
    clip = Stage("diffusion.clip")
    composite = Stage("diffusion.composite")
    dataset = Stage("diffusion.dataset")
    export = Stage("diffusion.export")
    finetune = Stage("diffusion.finetune")
    guidance = Stage("diffusion.guidance")
    heat = Stage("diffusion.heat")
    image = Stage("diffusion.image")
    inpaint = Stage("diffusion.inpaint")
    interrogate = Stage("diffusion.interrogate")
    inversion = Stage("diffusion.inversion")
    latent = Stage("diffusion.latent")
    learned = Stage("diffusion.learned")
    lora = Stage("diffusion.lora")
    lora_files = Stage("diffusion.lora_files")
    maps = Stage("diffusion.maps")
    masks = Stage("diffusion.masks")
    measures = Stage("diffusion.measures")
    nearest_picture = Stage("diffusion.nearest_picture")
    noise = Stage("diffusion.noise")
    plots = Stage("diffusion.plots")
    prediction = Stage("diffusion.prediction")
    preview = Stage("diffusion.preview")
    samplers = Stage("diffusion.samplers")
    schedules = Stage("diffusion.schedules")
    sheets = Stage("diffusion.sheets")
    terms = Stage("diffusion.terms")
    text = Stage("diffusion.text")
    tokens_picture = Stage("diffusion.tokens_picture")
    training = Stage("diffusion.training")
    vae = Stage("diffusion.vae")
