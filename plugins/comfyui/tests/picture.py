"""Draws docs/comfyui.png: a colour map, and the masks that the node makes of it."""

from __future__ import annotations

import numpy as np
import torch
from node import ROOT, run
from PIL import Image

with Image.open(ROOT / "data/world-countries-2048.png") as image:
    pixels = np.array(image.convert("RGB").resize((1024, 512), Image.NEAREST))
masks = run(torch.from_numpy(pixels).float()[None] / 255)  # The node's defaults: 500 pixels, 5 masks.
cells = [pixels] + [np.repeat((mask.numpy() * 255).astype(np.uint8)[..., None], 3, -1) for mask in masks]
width, height, gap = 320, 160, 8
sheet = Image.new("RGB", (3 * width + 2 * gap, 2 * height + gap), (128, 128, 128))
for number, cell in enumerate(cells):
    place = (number % 3) * (width + gap), (number // 3) * (height + gap)
    sheet.paste(Image.fromarray(cell).resize((width, height), Image.BOX), place)
sheet.quantize(64).save(ROOT / "docs/comfyui.png", optimize=True)
