"""The node "Color Map To Masks" of ComfyUI Inspire Pack, with the same inputs and outputs, done by ctm."""

from __future__ import annotations

from typing import Any

import torch

try:
    import ctm
except ModuleNotFoundError as error:
    raise ImportError("the Python package ctm is missing: pip install -r requirements.txt, in this folder") from error


class ColorMapToMasks:
    """Counts the exact colours of the first image of a batch, and makes a mask of each of the most frequent for every
    image: mask 0 of all images, then mask 1."""

    CATEGORY = "InspirePack/Util"
    FUNCTION = "doit"
    RETURN_TYPES = ("MASK",)
    DESCRIPTION = (
        "Makes a mask of each of the max_count most frequent colours of a colour map. "
        "Colours with fewer than min_pixels pixels are left out."
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """What ComfyUI asks the user for."""
        return {
            "required": {
                "color_map": ("IMAGE",),
                "min_pixels": ("INT", {"default": 500, "min": 1, "max": 2**64 - 1, "step": 1}),
                "max_count": ("INT", {"default": 5, "min": 0, "max": 1000, "step": 1}),
            },
        }

    def doit(self, color_map: torch.Tensor, max_count: int, min_pixels: int) -> tuple[torch.Tensor]:
        """Tensors (images, rows, columns, channels) become (masks * images, rows, columns), of the same type and on the
        same device; where no colour has enough pixels, one mask of zeros: (rows, columns)."""
        if color_map.ndim != 4:
            shape = tuple(color_map.shape)
            raise ValueError(f"color_map has the shape {shape}; (images, rows, columns, channels) is expected")
        height, width = color_map.shape[1:3]
        pixels = color_map.detach().cpu()
        if pixels.dtype == torch.bfloat16:
            pixels = pixels.float()  # Exact, and a type that ctm reads.
        masks = ctm.masks(pixels, min_pixels=min_pixels, max_count=max_count, batch="first")
        if len(masks) == 0:
            return (torch.zeros((height, width), dtype=color_map.dtype, device=color_map.device),)
        return (torch.from_numpy(masks).reshape(-1, height, width).to(color_map),)


# Under the name of the original, so that workflows need no change, and under one of its own.
NODE_CLASS_MAPPINGS = {"ColorMapToMasks //Inspire": ColorMapToMasks, "ColorMapToMasks //ctm": ColorMapToMasks}
NODE_DISPLAY_NAME_MAPPINGS = {
    "ColorMapToMasks //Inspire": "Color Map To Masks (Inspire, by ctm)",
    "ColorMapToMasks //ctm": "Color Map To Masks (ctm)",
}
