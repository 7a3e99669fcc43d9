"""Masks as run lengths: by a loop over pixels, and by pycocotools."""

from __future__ import annotations

from typing import Any

import ctm
import numpy as np
import pytest
from conftest import oracle
from pycocotools import mask as coco

# pycocotools has not followed numpy 2 in all points yet.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning:pycocotools")

PIXELS = np.random.default_rng(5).integers(0, 3, (11, 14, 2)).astype(np.uint8)  # 9 colours
MASKS = oracle(PIXELS)[2]


def encoded(mask: Any, order: str) -> list[int]:
    counts, inside, length = [], False, 0
    for pixel in mask.reshape(-1) if order == "rows" else mask.T.reshape(-1):
        if pixel != inside:
            counts.append(length)
            inside, length = bool(pixel), 0
        length += 1
    return [*counts, length]


@pytest.mark.parametrize("order", ["rows", "columns"])
def test_runs(context: ctm.Context, order: str) -> None:
    result = context.analyze(PIXELS, outputs=["labels"], runs=order)
    runs = result.runs
    assert runs is not None and result.labels is not None
    assert len(runs) == 9 and runs.shape == (9, 11, 14) and runs.order == order and not runs.cropped
    assert [counts.tolist() for counts in runs] == [encoded(mask, order) for mask in MASKS]
    assert runs[-1].tolist() == runs[8].tolist()
    with pytest.raises(IndexError):
        runs[9]
    np.testing.assert_array_equal(result.labels, np.argmax(MASKS, axis=0) + 1)


@pytest.mark.parametrize("order", ["rows", "columns"])
def test_cropped(context: ctm.Context, order: str) -> None:
    result = context.analyze(PIXELS[:, :5], runs=order, cropped=True, mask_format="bool")
    assert result.runs is not None and result.crops is not None and result.runs.cropped
    assert [counts.tolist() for counts in result.runs] == [encoded(crop, order) for crop in result.crops]


def test_several_images(context: ctm.Context) -> None:
    images = np.stack([PIXELS, PIXELS[::-1]])
    runs = context.analyze(images, outputs=[], runs="columns").runs
    assert runs is not None and runs.shape == (9, 2, 11, 14)
    for mask, of_mask in zip(MASKS, runs):
        assert [counts.tolist() for counts in of_mask] == [encoded(mask, "columns"), encoded(mask[::-1], "columns")]
    assert [[rle["counts"] for rle in of_mask] for of_mask in runs.to_coco()] == [
        [coco.encode(np.asfortranarray(mask))["counts"] for mask in (mask, mask[::-1])] for mask in MASKS.astype(np.uint8)
    ]


def test_more_runs_than_guessed(cpu: ctm.Context) -> None:
    pixels = np.random.default_rng(6).integers(0, 300, (211, 190)).astype(np.uint16)
    with ctm.Context(backend="cpu") as new:
        runs = new.analyze(pixels, outputs=["masks"], mask_format="bool", runs="rows").runs
    assert runs is not None and len(runs) == 300
    assert runs[7].sum() == pixels.size and len(runs.counts) > 1 << 16


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (63, 130), (400, 500)])
@pytest.mark.parametrize("colors", [1, 2, 40])
def test_pycocotools(context: ctm.Context, shape: tuple[int, int], colors: int) -> None:
    random = np.random.default_rng(colors)
    small = random.integers(0, colors, [(side + 6) // 7 for side in shape]).astype(np.uint8)
    for pixels in (random.integers(0, colors, shape).astype(np.uint8), np.kron(small, np.ones((7, 7), np.uint8))):
        result = context.analyze(pixels, outputs=["masks"], mask_format="uint8", runs="columns")
        assert result.runs is not None and result.masks is not None
        for mask, rle in zip(result.masks // 255, result.runs.to_coco()):
            assert rle == coco.encode(np.asfortranarray(mask))
            np.testing.assert_array_equal(coco.decode(rle), mask)


def test_large_differences(cpu: ctm.Context) -> None:
    """Numbers of all lengths, negative differences, too."""
    pixels = np.zeros((3000, 1100), np.uint8)
    flat = pixels.T.reshape(-1)  # A copy: put back below.
    place = 0
    for length in (1, 15, 16, 511, 512, 16_383, 16_384, 524_287, 524_288, 3, 1_000_000, 1, 2):
        flat[place : place + length] = place % 2 if length > 3 else 1
        place += 2 * length
    pixels = np.ascontiguousarray(flat.reshape(1100, 3000).T)
    result = cpu.analyze(pixels, outputs=["masks"], mask_format="uint8", runs="columns")
    assert result.runs is not None and result.masks is not None
    for mask, rle in zip(result.masks // 255, result.runs.to_coco()):
        assert rle == coco.encode(np.asfortranarray(mask))


def test_no_mask(context: ctm.Context) -> None:
    runs = context.analyze(PIXELS, outputs=[], runs="columns", min_pixels=1000).runs
    assert runs is not None and len(runs) == 0 and runs.counts.size == 0 and runs.offsets.tolist() == [0]
    assert runs.to_coco() == []
    assert context.analyze(PIXELS).runs is None


def test_refused(cpu: ctm.Context) -> None:
    with pytest.raises(ctm.InvalidArgumentError, match="runs is 'diagonals'"):
        cpu.analyze(PIXELS, runs="diagonals")
    for settings in ({"runs": "rows"}, {"runs": "columns", "cropped": True}):
        runs = cpu.analyze(PIXELS, outputs=[], **settings).runs
        assert runs is not None
        with pytest.raises(ctm.InvalidArgumentError, match="by columns, not cropped"):
            runs.to_coco()
