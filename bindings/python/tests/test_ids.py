"""Ids of 32 bits: numpy arrays of uint32 and int32 go in as they are, and come back to the last bit."""

from __future__ import annotations

from typing import Any

import ctm
import numpy as np
import pytest

# As floats some of these would be equal, some NaN.
IDS = np.array([16777217, 16777216, 4294967295, 0, 2147483648, 2143289344, 4290772992], np.uint32)


def image(dtype: Any) -> Any:
    """The later ids are the more frequent ones."""
    rng = np.random.default_rng(3)
    return IDS[np.sqrt(rng.integers(0, 49, (60, 70))).astype(int)].view(dtype)


def stored(palette: Any, dtype: Any) -> list[int]:
    return list(map(int, palette["stored"][:, 0].view(dtype)))


@pytest.mark.parametrize("dtype", [np.uint32, np.int32])
def test_all_ids_are_told_apart(context: ctm.Context, dtype: Any) -> None:
    ids = image(dtype)
    found, counts = np.unique(ids, return_counts=True)
    order = np.lexsort((found, -counts))
    result = context.analyze(ids, outputs=["masks", "labels", "palette"], mask_format="bool")
    assert result.palette is not None and result.labels is not None and result.masks is not None
    assert stored(result.palette, dtype) == found[order].tolist()
    assert result.palette["pixel_count"].tolist() == counts[order].tolist()
    assert result.palette["color"][:, 0].tolist() == found[order].astype(np.float32).tolist()
    for index, value in enumerate(found[order]):
        np.testing.assert_array_equal(result.masks[index], ids == value)
        np.testing.assert_array_equal(result.labels == index + 1, ids == value)


@pytest.mark.parametrize("dtype", [np.uint32, np.int32])
def test_ids_are_given(context: ctm.Context, dtype: Any) -> None:
    ids = image(dtype)
    wanted = IDS.view(dtype)[[5, 1, 0]].tolist()
    palette: Any
    for palette in (wanted, [[value] for value in wanted], np.array(wanted), np.array(wanted, dtype)):
        masks = context.masks(ids, palette=palette, mask_format="bool")
        np.testing.assert_array_equal(masks, np.stack([ids == value for value in wanted]))
    rest = context.analyze(ids, ignored=wanted).palette
    assert rest is not None and not set(stored(rest, dtype)) & set(wanted) and len(rest) == 4
    assert len(context.masks(ids, palette=[])) == 0


def test_two_ids_a_pixel(context: ctm.Context) -> None:
    both = np.stack([image(np.uint32), image(np.uint32)[::-1]], axis=-1)
    result = context.analyze(both)
    assert result.palette is not None
    found = np.unique(both.reshape(-1, 2), axis=0)
    assert sorted(map(tuple, result.palette["stored"][:, :2].tolist())) == sorted(map(tuple, found.tolist()))
    first = context.analyze(both, alpha="ignored").palette
    assert first is not None and sorted(stored(first, np.uint32)) == sorted(IDS.tolist())


def test_counts_of_ids_travel(context: ctm.Context) -> None:
    ids = image(np.int32)
    counts = ctm.Counts(context)
    counts.add(ids[:20])
    counts.add(ids[20:])
    again = ctm.Counts(context, counts.to_bytes())
    merged = ctm.Counts(context)
    merged.merge(again)
    for some in (counts, again, merged):
        palette = some.select(palette=[-1, 16777217])
        assert stored(palette, np.int32) == [-1, 16777217]
        assert palette["pixel_count"].tolist() == [int((ids == -1).sum()), int((ids == 16777217).sum())]
    labels = context.analyze(ids[:20], outputs=["labels"], counts=counts).labels
    whole = context.analyze(ids, outputs=["labels"]).labels
    assert labels is not None and whole is not None
    np.testing.assert_array_equal(labels, whole[:20])


def test_other_types_have_stored_values(context: ctm.Context) -> None:
    result = context.analyze(np.array([[26001, 26001, 7]], np.uint16))
    assert result.palette is not None and result.palette["stored"][:, 0].tolist() == [26001, 7]
    result = context.analyze(np.array([[0.1]], np.float32))
    assert result.palette is not None
    assert result.palette["stored"][0, 0] == np.float32(0.1).view(np.uint32)


def test_refused(context: ctm.Context) -> None:
    ids = image(np.int32)
    for value in (4294967295, 0.5, float("nan"), 1 << 40):
        with pytest.raises(ctm.InvalidArgumentError, match="palette has the value .*, which is no int32"):
            context.masks(ids, palette=[1, value])
    with pytest.raises(ctm.InvalidArgumentError, match="^nearest is on and format is i32"):
        context.masks(ids, nearest="euclidean", tolerance=1)
    with pytest.raises(ctm.InvalidArgumentError, match="channels is 3 and format is u32"):
        context.masks(np.zeros((2, 2, 3), np.uint32))
