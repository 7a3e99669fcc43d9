"""What the tests share: a context on each backend, the golden cases, an oracle."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ctm
import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
GOLDEN = sorted(path for path in (ROOT / "c_tests/golden").iterdir() if (path / "case.json").exists())
CONTEXTS = {
    "cpu": {"backend": "cpu"},
    "one-thread": {"backend": "cpu", "threads": 1},
    "lavapipe": {"backend": "vulkan", "device": "llvmpipe"},
}


@pytest.fixture(scope="session", params=CONTEXTS)
def context(request: pytest.FixtureRequest) -> Iterator[ctm.Context]:
    with ctm.Context(**CONTEXTS[request.param]) as context:
        yield context


@pytest.fixture(scope="session")
def cpu() -> Iterator[ctm.Context]:
    with ctm.Context(backend="cpu") as context:
        yield context


@pytest.fixture(scope="session")
def world() -> Any:
    """A map of the world: (1024, 2048, 3) of uint8, 216 colours."""
    from PIL import Image

    with Image.open(ROOT / "data/world-countries-2048.png") as image:
        return np.array(image.convert("RGB"))


def programs(page: str) -> list[str]:
    """A page's blocks of Python, each of which goes on where the one before ended."""
    blocks: list[str] = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    return blocks


def golden(path: Path) -> tuple[dict[str, Any], Any, Any]:
    """A case, its pixels as (rows, columns, channels), its masks as (masks, rows, columns)."""
    case = json.loads((path / "case.json").read_text().replace("1e999", "Infinity"))
    height, width = case["height"], case["width"]
    pixels = np.fromfile(path / "color_map.f32", "<f4").reshape(height, width, case["channels"])
    masks = np.fromfile(path / "masks.u8", np.uint8).reshape(case["mask_count"], height, width)
    return case, pixels, masks


def oracle(image: Any, min_pixels: int = 1, max_count: int | None = None) -> tuple[Any, Any, Any]:
    """Colours, counts and masks of an image (rows, columns, channels) without NaN, by numpy's unique."""
    colors, inverse, counts = np.unique(image.reshape(-1, image.shape[-1]), axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] >= min_pixels][:max_count]
    labels = inverse.reshape(image.shape[:2])
    return colors[order], counts[order], np.stack([labels == index for index in order]) if len(order) else np.zeros((0, *image.shape[:2]), bool)
