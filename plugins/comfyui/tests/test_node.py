"""The node gives what the original gives, for every batch size and kind of tensor."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from node import MODULE, NODE, ROOT, run
from original import original

GOLDEN = sorted(path.parent for path in (ROOT / "c_tests/golden").rglob("case.json"))


def test_the_interface_is_the_originals() -> None:
    required = NODE.INPUT_TYPES()["required"]
    assert list(NODE.INPUT_TYPES()) == ["required"]
    assert list(required) == ["color_map", "min_pixels", "max_count"]  # Saved workflows list values in this order.
    assert required["color_map"] == ("IMAGE",)
    assert required["min_pixels"] == ("INT", {"default": 500, "min": 1, "max": 0xFFFFFFFFFFFFFFFF, "step": 1})
    assert required["max_count"] == ("INT", {"default": 5, "min": 0, "max": 1000, "step": 1})
    assert NODE.RETURN_TYPES == ("MASK",) and NODE.FUNCTION == "doit" and NODE.CATEGORY == "InspirePack/Util"
    assert NODE.__name__ == "ColorMapToMasks"
    assert MODULE.NODE_CLASS_MAPPINGS.keys() == MODULE.NODE_DISPLAY_NAME_MAPPINGS.keys()


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_golden(path: Path) -> None:
    case = json.loads((path / "case.json").read_text().replace("1e999", "Infinity"))
    shape = case.get("batch", 1), case["height"], case["width"]
    pixels = np.fromfile(path / "color_map.f32", "<f4").reshape(*shape, case["channels"])
    masks = run(torch.from_numpy(pixels), case["max_count"], case["min_pixels"])
    assert masks.dtype == torch.float32
    if case["mask_count"] == 0:
        assert torch.equal(masks, torch.zeros(shape[1:]))
    else:
        expected = np.fromfile(path / "masks.u8", np.uint8).reshape(-1, *shape[1:])
        np.testing.assert_array_equal(masks.numpy(), expected)


def random_maps(images: int, channels: int = 3, seed: int = 5) -> torch.Tensor:
    """Maps of 30 colours in blocks of 6 x 6, in any order. No two colours have the same count: their order is left open
    by the original."""
    generator = torch.Generator().manual_seed(seed)
    colors = torch.rand(30, channels, generator=generator)
    counts = torch.arange(1, 31)
    counts[-1] += 600 - counts.sum()
    numbers = torch.arange(30).repeat_interleave(counts)
    frames = [numbers[torch.randperm(600, generator=generator)].reshape(20, 30) for _ in range(images)]
    maps: torch.Tensor = colors[torch.stack(frames)].repeat_interleave(6, 1).repeat_interleave(6, 2)
    return maps


@pytest.mark.parametrize("images", [1, 2, 3, 8])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_batches_as_the_original(images: int, channels: int) -> None:
    maps = random_maps(images, channels)
    masks = run(maps)
    assert masks.shape == (5 * images, 120, 180)
    assert torch.equal(masks, original(maps, 5, 500))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_types_as_the_original(dtype: torch.dtype) -> None:
    maps = random_maps(2).to(dtype)
    masks, expected = run(maps), original(maps.float(), 5, 500).to(dtype)  # Old versions of torch sort no halves.
    assert masks.dtype == expected.dtype == dtype and torch.equal(masks, expected)


@pytest.mark.parametrize(("max_count", "min_pixels"), [(0, 1), (5, 10_000), (1000, 2**64 - 1)])
def test_no_colour_qualifies(max_count: int, min_pixels: int) -> None:
    masks = run(random_maps(2), max_count, min_pixels)
    assert masks.dtype == torch.float32 and torch.equal(masks, torch.zeros(120, 180))


@pytest.mark.parametrize("shape", [(20, 30, 3), (1, 1, 20, 30, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    words = re.escape(f"color_map has the shape {shape}; (images, rows, columns, channels) is expected")
    with pytest.raises(ValueError, match=words):
        run(torch.zeros(shape))


def test_views_and_gradients() -> None:
    maps = random_maps(3)
    planar = maps.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert torch.equal(run(planar), run(maps))
    assert torch.equal(run(maps.clone().requires_grad_()), run(maps))
    assert torch.equal(run(maps[:, 6:114, 12:150]), original(maps[:, 6:114, 12:150].contiguous(), 5, 500))


def test_the_input_is_left_alone_and_masks_are_not_shared() -> None:
    maps = random_maps(1)
    before = maps.clone()
    masks = run(maps)
    kept = masks.clone()
    run(random_maps(1, seed=9))
    assert torch.equal(maps, before) and torch.equal(masks, kept)


def test_full_hd() -> None:
    """The map of the world, as a node sees it: 8 bits as floats."""
    from PIL import Image

    with Image.open(ROOT / "data/world-countries-2048.png") as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).float() / 255
    maps = pixels[None, :, 64:-64]
    assert torch.equal(run(maps, 24), original(maps, 24, 500))
