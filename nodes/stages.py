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
        checkpoint,
        guidance,
        image,
        inpaint,
        noise,
        prediction,
        samplers,
        schedules,
        sheets,
        text,
        vae,
    )

    __all__ = ["checkpoint", "guidance", "image", "inpaint", "noise", "prediction", "samplers", "schedules", "sheets",
               "text", "vae"]  # fmt: skip
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

    checkpoint = lazy("diffusion.checkpoint")
    guidance = lazy("diffusion.guidance")
    image = lazy("diffusion.image")
    inpaint = lazy("diffusion.inpaint")
    noise = lazy("diffusion.noise")
    prediction = lazy("diffusion.prediction")
    samplers = lazy("diffusion.samplers")
    schedules = lazy("diffusion.schedules")
    sheets = lazy("diffusion.sheets")
    text = lazy("diffusion.text")
    vae = lazy("diffusion.vae")
