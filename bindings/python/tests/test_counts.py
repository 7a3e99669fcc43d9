"""An image in parts: the same masks and labels as of the whole."""

from __future__ import annotations

import pickle
from typing import Any

import ctm
import numpy as np
import pytest


def counted(context: ctm.Context, parts: list[Any], **settings: Any) -> ctm.Counts:
    counts = ctm.Counts(context)
    for part in parts:
        counts.add(part, **settings)
    return counts


@pytest.mark.parametrize("settings", [{}, {"max_count": 5}, {"min_pixels": 2000}, {"max_count": 3, "nearest": "euclidean", "tolerance": 80.0}, {"max_count": 9, "merge": "chebyshev", "merge_tolerance": 40.0}])
def test_parts_are_as_the_whole(context: ctm.Context, world: Any, settings: dict[str, Any]) -> None:
    whole = context.analyze(world, outputs=["labels", "palette"], label_format="uint8", **settings)
    assert whole.labels is not None and whole.palette is not None
    parts = [(slice(y, y + 300), slice(x, x + 700)) for y in range(0, 1024, 300) for x in range(0, 2048, 700)]
    counts = counted(context, [world[part] for part in parts])
    selected = counts.select(**settings)
    for field in ("color", "pixel_count"):
        np.testing.assert_array_equal(selected[field], whole.palette[field])
    labels = np.empty((1024, 2048), np.uint8)
    for part in parts:
        result = context.analyze(world[part], outputs=["labels"], label_format="uint8", counts=counts, **settings)
        assert result.labels is not None
        labels[part] = result.labels
    np.testing.assert_array_equal(labels, whole.labels)


def test_merged_and_pickled(context: ctm.Context, world: Any) -> None:
    halves = [counted(context, [world[:500]]), pickle.loads(pickle.dumps(counted(context, [world[500:]])))]
    total = ctm.Counts(context)
    for half in halves:
        total.merge(half)
    assert total.to_bytes() == counted(context, [world]).to_bytes()
    assert ctm.Counts(context, total.to_bytes()).to_bytes() == total.to_bytes()


def test_clear_words(context: ctm.Context, world: Any) -> None:
    counts = counted(context, [world[:10, :10]])
    with pytest.raises(ctm.InvalidArgumentError, match="channels"):
        counts.add(world[:10, :10, 0])
    with pytest.raises(ctm.InvalidArgumentError, match=r"palette has the shape \(1, 2\)"):
        counts.select(palette=[[1, 2]])
    data = bytearray(counts.to_bytes())
    data[-1] ^= 1
    with pytest.raises(ctm.DataError) as caught:
        ctm.Counts(context, bytes(data))
    assert caught.value.status == 13
    with pytest.raises(ctm.InvalidTypeError, match="data is a str; bytes are expected"):
        ctm.Counts(context, "abc")  # type: ignore[arg-type]


def test_bytes_are_counted_as_bytes(context: ctm.Context, world: Any) -> None:
    counts = ctm.Counts(context)
    counts.add(world)
    data = counts.to_bytes()
    assert len(data) % 4 == 0
    assert ctm.Counts(context, memoryview(data).cast("I")).to_bytes() == data  # type: ignore[arg-type]
