"""The golden cases: masks, colours and counts, on every backend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ctm
import numpy as np
import pytest
from conftest import GOLDEN, ROOT, golden, oracle


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_golden(context: ctm.Context, path: Path) -> None:
    case, pixels, expected = golden(path)
    result = context.analyze(
        pixels, min_pixels=case["min_pixels"], max_count=case["max_count"], outputs=["masks", "labels", "palette"]
    )
    assert result.masks is not None and result.palette is not None and result.labels is not None
    assert result.mask_count == case["mask_count"]
    assert result.masks.dtype == np.float32
    np.testing.assert_array_equal(result.masks, expected)
    np.testing.assert_array_equal(result.palette["pixel_count"], case["counts"])
    colors = np.array(case["colors"], np.float32).reshape(-1, case["channels"])
    np.testing.assert_array_equal(result.palette["color"][:, : case["channels"]], colors)
    numbers = np.arange(1, case["mask_count"] + 1).reshape(-1, 1, 1)
    np.testing.assert_array_equal(result.labels == numbers, expected == 1)


@pytest.mark.parametrize("path", sorted((ROOT / "c_tests/golden/batch").glob("*/")), ids=lambda path: path.name)
def test_batches(context: ctm.Context, path: Path) -> None:
    case = json.loads((path / "case.json").read_text())
    shape = case["batch"], case["height"], case["width"]
    pixels = np.fromfile(path / "color_map.f32", "<f4").reshape(*shape, case["channels"])
    result = context.analyze(pixels, min_pixels=case["min_pixels"], max_count=case["max_count"], batch="first")
    expected = np.fromfile(path / "masks.u8", np.uint8).reshape(-1, *shape)
    assert result.masks is not None and result.palette is not None
    np.testing.assert_array_equal(result.masks, expected)
    assert result.palette.shape == (case["mask_count"], case["batch"])
    np.testing.assert_array_equal(result.palette["pixel_count"][:, 0], case["counts"])


def test_world_map(context: ctm.Context, world: Any) -> None:
    countries = json.loads((ROOT / "data/world-countries-2048.json").read_text())
    result = context.analyze(world, mask_format="bool", outputs=["masks", "labels", "palette"])
    assert result.masks is not None and result.palette is not None and result.labels is not None
    assert result.mask_count == len(result.palette) == 216 == len(oracle(world)[0])
    assert result.labels.dtype == np.uint8
    found = {",".join(str(int(value)) for value in entry["color"][:3]): int(entry["pixel_count"]) for entry in result.palette}
    for color, country in countries.items():
        assert found[color] == country["pixels"], country
    colors = result.palette["color"][:, :3].astype(np.uint8)
    painted = np.concatenate([np.zeros((1, 3), np.uint8), colors])[result.labels]
    np.testing.assert_array_equal(painted, world)
    for mask, entry in zip(result.masks, result.palette):
        rows, columns = np.nonzero(mask)
        assert (entry["left"], entry["top"]) == (columns.min(), rows.min())
        assert entry["width"] == np.ptp(columns) + 1 and entry["height"] == np.ptp(rows) + 1
        assert entry["centroid_x"] == columns.sum() / len(columns)
        assert (entry["first_y"], entry["first_x"]) == (rows[0], columns[0])
