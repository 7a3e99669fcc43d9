"""How much faster the node is than the original's algorithm: python bench.py, in the environment of the tests."""

from __future__ import annotations

import time
from typing import Callable

import ctm
import numpy as np
import torch
from node import ROOT, run
from original import original
from PIL import Image


def milliseconds(call: Callable[[], object], times: int) -> tuple[float, float]:
    """Of the fastest call: what passed, and what the process's threads worked, which other programs change less."""
    call()
    spans = []
    for _ in range(times):
        wall, work = time.perf_counter(), time.process_time()
        call()
        spans.append(((time.perf_counter() - wall) * 1000, (time.process_time() - work) * 1000))
    return min(spans)


def image(name: str) -> torch.Tensor:
    """An image of data/ at 1920 x 1080, pixels repeated, as floats."""
    with Image.open(ROOT / "data" / name) as picture:
        pixels = np.array(picture.convert("RGB").resize((1920, 1080), Image.NEAREST))
    return torch.from_numpy(pixels).float()[None] / 255


noise = torch.rand(16, 3)[torch.randint(0, 16, (1, 1080, 1920))]
print(f"1920 x 1080, 5 masks; torch {torch.__version__}; ctm on {ctm.default_context().device_name}")
for title, pixels in [
    ("map of the world", image("world-countries-2048.png")),
    ("map, anti-aliased", image("world-countries-antialiased-2048.png")),
    ("noise of 16 colours", noise),
    ("photo", image("astronaut-1024.png")),
]:
    theirs, their_work = milliseconds(lambda: original(pixels, 5, 500), 1)
    ours, our_work = milliseconds(lambda: run(pixels), 15)
    print(
        f"{title:20} original {theirs:6.0f} ms ({their_work:5.0f} of work)   ctm {ours:6.1f} ms ({our_work:5.1f})   "
        f"{theirs / ours:4.0f} times ({their_work / our_work:4.0f})"
    )
