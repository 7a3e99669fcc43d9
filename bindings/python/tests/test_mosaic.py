"""Runs and outlines of images that come in parts: those of one call."""

from __future__ import annotations

import pickle
from typing import Any

import ctm
import numpy as np
import pytest

LABELS = np.repeat(np.random.default_rng(3).integers(0, 5, (40, 15)), 4, axis=1).astype(np.uint8)  # 0: no mask
SHAPE = LABELS.shape


def check(mosaic: ctm.Mosaic, cpu: ctm.Context) -> None:
    for order in ("rows", "columns"):
        whole = cpu.analyze(LABELS, palette=np.arange(1, 5), outputs=[], runs=order).runs  # type: ignore[arg-type]
        runs = mosaic.runs(4, order=order)  # type: ignore[arg-type]
        assert whole is not None and (runs.order, runs.shape, runs.cropped) == (whole.order, whole.shape, False)
        np.testing.assert_array_equal(runs.counts, whole.counts)
        np.testing.assert_array_equal(runs.offsets, whole.offsets)
    for connected, tolerance in ((4, 0.0), (8, 0.0), (8, 1.5)):
        whole_options: Any = {"outlines": connected, "outlines_tolerance": tolerance}
        exact = cpu.analyze(LABELS, palette=np.arange(1, 5), outputs=[], **whole_options).outlines
        outlines = mosaic.outlines(4, connected=connected, tolerance=tolerance)  # type: ignore[arg-type]
        assert exact is not None and outlines.shape == exact.shape
        for field in ("points", "ring_offsets", "ring_exteriors", "mask_offsets"):
            np.testing.assert_array_equal(getattr(outlines, field), getattr(exact, field))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_parts_are_a_whole(cpu: ctm.Context, dtype: Any) -> None:
    one, other = ctm.Mosaic(cpu, SHAPE), ctm.Mosaic(cpu, SHAPE)
    for top, left in ((30, 0), (0, 25), (0, 0), (30, 25)):
        height, width = 10 if top else 30, 35 if left else 25
        part = LABELS[top : top + height, left : left + width].astype(dtype)
        (other if left else one).add(part, left, top)
    with pytest.raises(ctm.InvalidArgumentError, match="has 1000 of 2400 pixels, in 2 parts: the first that is missing is in column 25, row 0"):
        one.runs(4)
    one.merge(pickle.loads(pickle.dumps(other)))
    check(one, cpu)
    check(ctm.Mosaic(cpu, data=one.to_bytes()), cpu)
    assert ctm.Mosaic(cpu, SHAPE, one.to_bytes()).shape == SHAPE


def test_outlines_of_regions(cpu: ctm.Context) -> None:
    """Labels do not say that regions are connected by corners."""
    image = np.repeat(np.repeat(np.eye(8, dtype=np.uint8), 3, axis=0), 2, axis=1)
    options: dict[str, Any] = {"connected": 8, "ignored": [0]}
    whole = cpu.analyze(image, outputs=["labels"], outlines=True, **options)
    assert whole.labels is not None and whole.outlines is not None and whole.mask_count == 1
    regions, mosaic = ctm.Regions(cpu, image.shape), ctm.Mosaic(cpu, image.shape)
    bands = [(0, image[:7]), (7, image[7:])]
    for top, band in bands:
        regions.add(band, (0, top), **options)
    for top, band in bands:
        mosaic.add(cpu.analyze(band, regions=regions, place=(0, top), outputs=["labels"], **options).labels, top=top)
    assert [len(polygon) for polygon in whole.outlines[0]] == [1]
    found = mosaic.outlines(1, connected=8)
    np.testing.assert_array_equal(found.points, whole.outlines.points)
    np.testing.assert_array_equal(found.ring_offsets, whole.outlines.ring_offsets)
    assert len(mosaic.outlines(1)[0]) == 8  # Without it each block is one.


def test_refused(cpu: ctm.Context) -> None:
    mosaic = ctm.Mosaic(cpu, (4, 6))
    mosaic.add(np.ones((4, 6), np.uint8))
    whole = mosaic.to_bytes()
    for call, error, text in (
        (lambda: ctm.Mosaic(cpu), ctm.InvalidArgumentError, "shape is None; \\(rows, columns\\)"),
        (lambda: ctm.Mosaic(cpu, (0, 3)), ctm.InvalidArgumentError, "height is 0"),
        (lambda: ctm.Mosaic(cpu, (6, 4), whole), ctm.InvalidArgumentError, "shape is \\(6, 4\\); \\(4, 6\\)"),
        (lambda: ctm.Mosaic(cpu, data=whole[:-1]), ctm.DataError, "bytes"),
        (lambda: ctm.Mosaic(cpu, data="a"), ctm.InvalidTypeError, "data is a str"),  # type: ignore[arg-type]
        (lambda: mosaic.add(np.ones((1, 1), np.uint8), 5, 3), ctm.InvalidArgumentError, "which overlap"),
        (lambda: mosaic.add(np.ones((1, 1), np.uint8), 6), ctm.InvalidArgumentError, "the part is 1 x 1 pixels at column 6"),
        (lambda: mosaic.add(np.ones((1, 1), np.uint8), -1), ctm.InvalidArgumentError, "left is -1"),
        (lambda: mosaic.add(np.ones((1, 1))), ctm.InvalidTypeError, "labels is of float64"),
        (lambda: mosaic.add(np.ones(3, np.uint8)), ctm.InvalidArgumentError, "labels has the shape \\(3,\\)"),
        (lambda: mosaic.runs(0), ctm.InvalidArgumentError, "mask_count is 0 and a label is 1"),
        (lambda: mosaic.outlines(1, tolerance=-2), ctm.InvalidArgumentError, "tolerance is -2"),
        (lambda: mosaic.runs(1, order="left"), ctm.InvalidArgumentError, "order is 'left'"),  # type: ignore[arg-type]
    ):
        with pytest.raises(error, match=text):
            call()
    assert mosaic.to_bytes() == whole
