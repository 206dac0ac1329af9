"""One round of the search for words: five thousand artists behind a caption, scored by the shipped CLIP."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.table import Row, seconds

ROOT = Path(__file__).resolve().parent.parent
CAPTION = "a fox face, flat style, on a light blue background"
ROUNDS = 5


def rows() -> list[Row]:
    """Candidates a second in the best of some rounds, and the share of it in which the text encoder is at work."""
    import torch

    from diffusion import clip as stage
    from diffusion.checkpoint import open_clip
    from diffusion.image import read_image
    from diffusion.interrogate import begin, best_addition
    from diffusion.terms import read_terms
    from nodes.paths import find_terms

    clip = open_clip(ROOT / "models" / "emoji" / "clip")
    terms = [f"by {name}" for name in read_terms(find_terms("clip-interrogator/artists", ROOT))]
    picture = stage.embed_picture(clip, read_image(ROOT / "workflows" / "pictures" / "drawing.png"))
    start = begin(clip, picture, CAPTION)
    through, spans = stage.through, list[float]()

    def timed(*arguments: Any) -> Any:
        found: list[Any] = []
        spans.append(seconds(lambda: found.append(through(*arguments))))
        return found[0]

    results = []
    with patch.object(stage, "through", timed):
        for _ in range(ROUNDS):
            spans.clear()
            results.append((seconds(lambda: best_addition(clip, picture, start, terms)), sum(spans)))
    took, encoding = min(results)
    rate, busy = len(terms) / took, encoding / took
    return [
        Row(f"{len(terms):,} candidates ranked, {torch.get_num_threads()} threads", f"{rate:,.0f} a second", "≥ 3,000",
            rate >= 3000),
        Row("the text encoder is busy", f"{busy:.0%} of that time", "≥ 80 %", busy >= 0.8),
    ]  # fmt: skip
