"""How much faster the node is than the original's algorithm: python bench.py, in the environment of the tests."""

from __future__ import annotations

import statistics
import time
from typing import Callable

import ctm
import numpy as np
import torch
from original import original
from PIL import Image
from test_node import ROOT, run


def milliseconds(call: Callable[[], object], times: int) -> float:
    call()
    spans = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spans.append((time.perf_counter() - start) * 1000)
    return statistics.median(spans)


def image(name: str) -> torch.Tensor:
    """An image of data/ at 1920 x 1080, pixels repeated, as floats."""
    with Image.open(ROOT / "data" / name) as picture:
        pixels = np.array(picture.convert("RGB").resize((1920, 1080), Image.NEAREST))
    return torch.from_numpy(pixels).float()[None] / 255


noise = torch.rand(16, 3)[torch.randint(0, 16, (1, 1080, 1920))]
print(f"torch {torch.__version__}, {ctm.default_context().device_name}, {torch.get_num_threads()} torch threads, 1920 x 1080, 5 masks")
for title, pixels in [
    ("map of the world", image("world-countries-2048.png")),
    ("map, anti-aliased", image("world-countries-antialiased-2048.png")),
    ("noise of 16 colours", noise),
    ("photo", image("astronaut-1024.png")),
]:
    theirs = milliseconds(lambda: original(pixels, 5, 500), 3)
    ours = milliseconds(lambda: run(pixels), 9)
    print(f"{title:22} original {theirs:7.0f} ms   ctm {ours:6.1f} ms   {theirs / ours:6.0f} times")
