"""What the original node computes, by its algorithm: it sorts all pixels."""

from __future__ import annotations

import torch


def original(color_map: torch.Tensor, max_count: int, min_pixels: int) -> torch.Tensor:
    """(images, rows, columns, channels) to (masks * images, rows, columns), or one mask of zeros (rows, columns)."""
    colors, counts = torch.unique(color_map[0].flatten(0, 1), dim=0, return_counts=True)
    counts, order = counts.sort(descending=True)
    chosen = colors[order][counts >= min_pixels][:max_count]
    planes = [(color_map == color).all(dim=-1).to(color_map.dtype) for color in chosen]
    return torch.cat(planes) if planes else torch.zeros_like(color_map[0, :, :, 0])
