"""The stages of diffusion, imported when one is first used: the one place where heavy imports are put off.

`from nodes.stages import samplers` costs nothing; `samplers.euler` imports torch.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffusion import (
        algebra,
        attention,
        checkpoint,
        clip,
        composite,
        guidance,
        heat,
        image,
        inpaint,
        latent,
        masks,
        measures,
        noise,
        plots,
        prediction,
        preview,
        samplers,
        schedules,
        sheets,
        text,
        tokens_picture,
        vae,
    )

    __all__ = [
        "algebra", "attention", "checkpoint", "clip", "composite", "guidance", "heat", "image", "inpaint",
        "masks", "measures", "noise", "plots", "prediction", "preview", "samplers", "schedules", "sheets",
        "text", "tokens_picture", "vae"
    ]  # fmt: skip
else:

    def lazy(name: str) -> ModuleType:
        """A module that is executed when one of its attributes is first asked for."""
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.find_spec(name)
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    algebra = lazy("diffusion.algebra")
    attention = lazy("diffusion.attention")
    checkpoint = lazy("diffusion.checkpoint")
    clip = lazy("diffusion.clip")
    composite = lazy("diffusion.composite")
    guidance = lazy("diffusion.guidance")
    heat = lazy("diffusion.heat")
    image = lazy("diffusion.image")
    inpaint = lazy("diffusion.inpaint")
    latent = lazy("diffusion.latent")
    masks = lazy("diffusion.masks")
    measures = lazy("diffusion.measures")
    noise = lazy("diffusion.noise")
    plots = lazy("diffusion.plots")
    prediction = lazy("diffusion.prediction")
    preview = lazy("diffusion.preview")
    samplers = lazy("diffusion.samplers")
    schedules = lazy("diffusion.schedules")
    sheets = lazy("diffusion.sheets")
    text = lazy("diffusion.text")
    tokens_picture = lazy("diffusion.tokens_picture")
    vae = lazy("diffusion.vae")
