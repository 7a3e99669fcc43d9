"""Draws docs/python.png: labels of a part of the map of the world, and what the palette knows of each mask."""

from __future__ import annotations

from pathlib import Path

import ctm
import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[2]

with Image.open(ROOT / "data/world-countries-2048.png") as image:
    world = np.array(image.convert("RGB"))
sea = world[0, 1024]
result = ctm.analyze(world, rectangle=(930, 260, 520, 400), outputs=["labels", "palette"], ignored=[sea], max_count=12)
colors = np.concatenate([[[235, 240, 245]], result.palette["color"][:, :3]]).astype(np.uint8)
picture = Image.fromarray(colors[result.labels])
draw = ImageDraw.Draw(picture)
for number, entry in enumerate(result.palette, 1):
    left, top = int(entry["left"]), int(entry["top"])
    draw.rectangle((left, top, left + int(entry["width"]) - 1, top + int(entry["height"]) - 1), outline=(40, 40, 40))
    draw.text((entry["centroid_x"], entry["centroid_y"]), f"{number}", fill=(0, 0, 0), anchor="mm")
picture.quantize(32).save(ROOT / "docs/python.png", optimize=True)
