"""Who may import whom: the table of the design's first section, held against the code.

Each package may import the standard library, itself, and what stands here. `lazily` names what it may import besides,
but only inside functions, so that importing the package does not pay for it.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = frozenset({"engine", "diffusion", "nodes", "workflows", "diffuscope", "web", "models", "tests", "benchmarks"})

MAY_IMPORT: dict[str, set[str]] = {
    "engine": {"networkx", "pydantic"},
    "diffusion": {"torch", "transformers", "safetensors", "PIL", "numpy"},
    "nodes": {"engine", "diffusion"},
    "workflows": set(),
    "diffuscope": {"engine", "diffusion", "nodes", "workflows", "web", "models"},
    "web": {"engine", "nodes"},
    "models": {"diffusion"},
}
LAZILY: dict[str, set[str]] = {"engine": {"safetensors", "numpy"}}
WITH_ANY_LIBRARY = frozenset({"nodes", "diffuscope", "web", "models"})
"""For these the table speaks of our own packages only."""


def imports(tree: ast.AST, inside: bool = False) -> Iterator[tuple[str, int, bool]]:
    """(top-level package, line, whether it is inside a function) of each import; none is hidden by nesting."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield ((node.module or "").partition(".")[0] if not node.level else ".", node.lineno, inside)
        deeper = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports(node, deeper)


def trespasses(package: str, source: str, place: str) -> list[str]:
    """Each import that the table does not allow."""
    allowed = MAY_IMPORT[package] | {package, "."} | sys.stdlib_module_names
    found = []
    for name, line, inside in imports(ast.parse(source)):
        fits = name in allowed or (inside and name in LAZILY.get(package, ()))
        if not fits and not (package in WITH_ANY_LIBRARY and name not in OURS):
            found.append(f"{place}:{line}: {package} may not import {name}")
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_each_package_imports_only_what_it_may(package: str) -> None:
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        if "work" not in path.relative_to(ROOT / package).parts and "node_modules" not in path.parts:
            found += trespasses(package, path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    assert found == []


@pytest.mark.parametrize(
    ("package", "source", "fits"),
    [
        ("engine", "import networkx as nx", True),
        ("engine", "import torch", False),
        ("engine", "def f():\n    import torch", False),
        ("engine", "import numpy", False),
        ("engine", "def f():\n    import numpy as np", True),
        ("engine", "def f():\n    from safetensors.numpy import save", True),
        ("engine", "from diffusion.unet import UNet", False),
        ("engine", "if TYPE_CHECKING:\n    import torch", False),
        ("engine", "try:\n    import rich\nexcept ImportError:\n    pass", False),
        ("diffusion", "import torch", True),
        ("diffusion", "from engine import node", False),
        ("nodes", "from diffusion import samplers", True),
        ("nodes", "import numpy", True),
        ("nodes", "from web.server import app", False),
        ("nodes", "from diffuscope import Engine", False),
        ("diffuscope", "from nodes import values", True),
        ("diffuscope", "import rich", True),
        ("web", "import aiohttp", True),
        ("web", "def f():\n    from diffusion import vae", False),
        ("models", "from engine import node", False),
        ("models", "from . import recipe", True),
    ],
)
def test_a_trespass_is_found(package: str, source: str, fits: bool) -> None:
    assert (trespasses(package, source, "x.py") == []) is fits


@pytest.mark.parametrize("package", ["engine"])
def test_importing_the_engine_is_light(package: str) -> None:
    heavy = ["torch", "numpy", "transformers", "safetensors", "PIL", "diffusion", "nodes"]
    code = f"import sys, {package}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
