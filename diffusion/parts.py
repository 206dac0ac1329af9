"""A network with some parts exchanged, while everybody else goes on using the network as it was."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from torch import Tensor, nn


def with_parts(module: nn.Module, parts: Mapping[str, nn.Module | nn.Parameter]) -> nn.Module:
    """The module with other modules or parameters at some dotted paths.

    The modules on the way are copied, everything else is shared, and the given module stays as it was: no hook and no
    exchanged weight that another thread could see.

    Raises:
        AttributeError: a path leads nowhere.
    """
    copied = copy.copy(module)
    copied._modules, copied._parameters = dict(module._modules), dict(module._parameters)
    inside: dict[str, dict[str, nn.Module | nn.Parameter]] = {}
    for path, part in parts.items():
        name, _, rest = path.partition(".")
        if rest:
            inside.setdefault(name, {})[rest] = part
        elif isinstance(part, Tensor):
            if name not in module._parameters:
                raise AttributeError(f"{type(module).__name__} has no parameter {name}")
            copied._parameters[name] = part
        else:
            module.get_submodule(name)
            copied._modules[name] = part
    for name, deeper in inside.items():
        copied._modules[name] = with_parts(module.get_submodule(name), deeper)
    return copied
