"""Connected regions of an image in parts: the same masks and labels as of the whole."""

from __future__ import annotations

import pickle
from typing import Any

import ctm
import numpy as np
import pytest


def found(context: ctm.Context, image: Any, places: list[Any], **options: Any) -> ctm.Regions:
    regions = ctm.Regions(context, image.shape[:2])
    for rows, columns in places:
        regions.add(image[rows, columns], (columns.start, rows.start), **options)
    return regions


def tiles(image: Any, height: int, width: int) -> list[Any]:
    rows, columns = image.shape[:2]
    return [(slice(y, min(y + height, rows)), slice(x, min(x + width, columns))) for y in range(0, rows, height) for x in range(0, columns, width)]


@pytest.mark.parametrize("connected", [4, 8])
@pytest.mark.parametrize("settings", [{}, {"min_pixels": 200, "max_count": 50}, {"palette": [[170, 205, 230], [63, 224, 56], [1, 2, 3]]}])
def test_parts_are_as_the_whole(context: ctm.Context, world: Any, connected: Any, settings: dict[str, Any]) -> None:
    whole = context.analyze(world, outputs=["labels", "palette"], label_format="uint32", connected=connected, **settings)
    assert whole.labels is not None and whole.palette is not None
    places = tiles(world, 300, 700)
    regions = found(context, world, places[::-1], connected=connected, **settings)
    selected = regions.select(connected=connected, **settings)
    for field in set(selected.dtype.names) - {"mask_offset"}:
        np.testing.assert_array_equal(selected[field], whole.palette[field])
    labels = np.empty(world.shape[:2], np.uint32)
    for rows, columns in places:
        part = context.analyze(world[rows, columns], outputs=["labels"], label_format="uint32", connected=connected, regions=regions, place=(columns.start, rows.start), **settings)
        assert part.labels is not None
        labels[rows, columns] = part.labels
    np.testing.assert_array_equal(labels, whole.labels)


def test_counts_say_what_attracts(context: ctm.Context, world: Any) -> None:
    settings: dict[str, Any] = {"connected": 4, "min_pixels": 2000, "nearest": "euclidean", "tolerance": 80.0}
    with pytest.raises(ctm.InvalidArgumentError, match="nearest is on, and no counts are given"):
        found(context, world, tiles(world, 600, 900), **settings)
    counts = ctm.Counts(context)
    counts.add(world)
    whole = context.analyze(world, outputs=["labels"], label_format="uint32", **settings)
    regions = found(context, world, tiles(world, 600, 900), counts=counts, **settings)
    assert len(regions.select(**settings)) == whole.mask_count


def test_small_parts_have_all_masks(context: ctm.Context, world: Any) -> None:
    """Also where a mask has more pixels than the part."""
    counts = ctm.Counts(context)
    counts.add(world)
    corner = world[:3, :5]
    options: dict[str, Any] = {"min_pixels": 20_000, "outputs": ["masks"]}
    whole = context.analyze(world, connected=4, min_pixels=20_000, outputs=["labels"])
    assert whole.mask_count > 1
    regions = found(context, world, [(slice(0, 3), slice(0, 5)), (slice(0, 3), slice(5, 2048)), (slice(3, 1024), slice(0, 2048))], connected=4)
    part = context.analyze(corner, connected=4, regions=regions, place=(0, 0), **options)
    assert part.masks is not None and part.masks.shape == (whole.mask_count, 3, 5)
    counted = context.analyze(corner, counts=counts, **options)
    assert counted.masks is not None and len(counted.masks) == len(counts.select(min_pixels=20_000))


def test_merged_and_pickled(context: ctm.Context) -> None:
    ids = np.arange(48, dtype=np.uint32).reshape(6, 8) // 5 + 10_000_000
    upper = found(context, ids, [(slice(0, 2), slice(0, 8))], connected=8)
    lower = pickle.loads(pickle.dumps(found(context, ids, [(slice(2, 6), slice(0, 8))], connected=8)))
    upper.merge(lower)
    whole = found(context, ids, tiles(ids, 6, 8), connected=8)
    assert upper.to_bytes() == found(context, ids, [(slice(2, 6), slice(0, 8)), (slice(0, 2), slice(0, 8))], connected=8).to_bytes()
    again = ctm.Regions(context, data=upper.to_bytes())
    expected = context.analyze(ids, connected=8, outputs=["palette"]).palette
    assert expected is not None and len(expected) > 10
    for regions in (upper, again, whole):
        entries = regions.select(connected=8)
        for field in ("stored", "pixel_count", "left", "centroid_x"):
            np.testing.assert_array_equal(entries[field], expected[field])


def test_clear_words(context: ctm.Context, world: Any) -> None:
    regions = found(context, world[:10, :10], [(slice(0, 5), slice(0, 10))], connected=4)
    with pytest.raises(ctm.InvalidArgumentError, match="10 x 10 = 100 pixels"):
        regions.select(connected=4)
    with pytest.raises(ctm.InvalidArgumentError, match="overlaps"):
        regions.add(world[:5, :5], (1, 1), connected=4)
    with pytest.raises(ctm.InvalidArgumentError, match="connected is 8; 4"):
        regions.add(world[5:10, :10], (0, 5), connected=8)
    with pytest.raises(ctm.InvalidArgumentError, match=r"place is 5; \(left, top\) is expected"):
        regions.add(world[5:10, :10], 5, connected=4)  # type: ignore[arg-type]
    with pytest.raises(ctm.InvalidArgumentError, match="both or none are expected"):
        context.analyze(world[:5, :10], connected=4, regions=regions)
    with pytest.raises(ctm.InvalidArgumentError, match="one of shape and data is expected"):
        ctm.Regions(context)
    with pytest.raises(ctm.UnsupportedError, match="fill_holes is 3"):
        regions.add(world[5:10, :10], (0, 5), connected=4, fill_holes=3)  # type: ignore[call-arg]
    data = bytearray(regions.to_bytes())
    data[-1] ^= 1
    with pytest.raises(ctm.DataError):
        ctm.Regions(context, data=bytes(data))
    regions.add(world[5:10, :10], (0, 5), connected=4)
    changed = world[:5, :10].copy()
    changed[2, 3] = 1, 2, 3
    with pytest.raises(ctm.DataError, match="other regions than when it was added"):
        context.analyze(changed, outputs=["labels"], connected=4, regions=regions, place=(0, 0))
