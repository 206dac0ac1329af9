"""The model that ships, for tests that ask it something."""

import json
from pathlib import Path

MODEL = Path(__file__).resolve().parents[1] / "models" / "emoji"
SIDE: int = json.loads((MODEL / "vae" / "config.json").read_text())["sample_size"]
"""The pixels a side of what it draws."""
