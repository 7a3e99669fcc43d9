"""Masks as polygons, filled again by Pillow, and by the windings of their edges."""

from __future__ import annotations

from typing import Any

import ctm
import numpy as np
import pytest
from conftest import oracle

PIXELS = np.random.default_rng(7).integers(0, 2, (13, 17, 2)).astype(np.uint8)  # 4 colours
MASKS = oracle(PIXELS)[2]


def filled(polygons: Any, shape: tuple[int, int]) -> Any:
    """How often the rings go around each pixel."""
    windings = np.zeros((shape[0], shape[1] + 1), int)
    for ring in (ring.astype(int) for polygon in polygons for ring in polygon):
        for (x, y), (to_x, to_y) in zip(ring, np.roll(ring, -1, axis=0)):
            assert (x == to_x) != (y == to_y)
            if x == to_x:
                windings[min(y, to_y) : max(y, to_y), x] += 1 if to_y < y else -1
    return np.cumsum(windings, axis=1)[:, :-1]


@pytest.mark.parametrize("outlines", [True, 4, 8])
def test_outlines(context: ctm.Context, outlines: Any) -> None:
    result = context.analyze(PIXELS, outputs=["labels"], outlines=outlines)
    assert result.outlines is not None and result.labels is not None and result.runs is None
    assert len(result.outlines) == 4 and result.outlines.shape == (4, 13, 17)
    for mask, polygons in zip(MASKS, result.outlines):
        np.testing.assert_array_equal(filled(polygons, mask.shape), mask)
    assert len(result.outlines[-1]) == len(result.outlines[3])
    with pytest.raises(IndexError):
        result.outlines[4]


def test_holes_and_directions(context: ctm.Context) -> None:
    pixels = np.zeros((5, 5), np.uint8)
    pixels[1:4, 1:4] = 1
    pixels[2, 2] = 0
    result = context.analyze(pixels, outputs=["palette"], outlines=True)
    assert result.outlines is not None and result.palette is not None
    assert result.palette["pixel_count"].tolist() == [17, 8]
    polygons = [[[ring.tolist() for ring in polygon] for polygon in mask] for mask in result.outlines]
    square, hole = [[1, 1], [4, 1], [4, 4], [1, 4]], [[2, 2], [2, 3], [3, 3], [3, 2]]
    outside = [[0, 0], [5, 0], [5, 5], [0, 5]]
    assert polygons == [[[outside, [square[0], *square[:0:-1]]], [[hole[0], *hole[:0:-1]]]], [[square, hole]]]


def test_several_images(context: ctm.Context) -> None:
    images = np.stack([PIXELS, PIXELS[::-1]])
    outlines = context.analyze(images, outputs=[], outlines=8, connected=0).outlines
    assert outlines is not None and outlines.shape == (4, 2, 13, 17)
    for mask, (first, second) in zip(MASKS, outlines):
        np.testing.assert_array_equal(filled(first, mask.shape), mask)
        np.testing.assert_array_equal(filled(second, mask.shape), mask[::-1])


def test_more_corners_than_guessed() -> None:
    pixels = np.random.default_rng(8).integers(0, 100, (150, 160)).astype(np.uint8)
    with ctm.Context(backend="cpu") as new:
        result = new.analyze(pixels, outputs=["masks"], mask_format="bool", runs="rows", outlines=True)
    assert result.outlines is not None and result.masks is not None and len(result.outlines) == 100
    for mask, polygons in zip(result.masks[:5], result.outlines):
        np.testing.assert_array_equal(filled(polygons, mask.shape), mask)


def test_pillow_fills_the_same(cpu: ctm.Context, world: Any) -> None:
    """Four times as large, so that Pillow's rule for the pixels on an edge does not matter."""
    from PIL import Image, ImageDraw

    part = world[200:420, 900:1200]
    result = cpu.analyze(part, outputs=["masks"], mask_format="bool", max_count=6, outlines=True)
    assert result.outlines is not None and result.masks is not None
    for mask, polygons in zip(result.masks, result.outlines):
        image = Image.new("1", (4 * part.shape[1], 4 * part.shape[0]))
        for exterior, *holes in polygons:
            own = Image.new("1", image.size)
            draw = ImageDraw.Draw(own)
            draw.polygon([(4 * int(x), 4 * int(y)) for x, y in exterior], fill=1)
            for hole in holes:
                draw.polygon([(4 * int(x), 4 * int(y)) for x, y in hole], fill=0)
            image.paste(1, mask=own)
        np.testing.assert_array_equal(np.array(image)[2::4, 2::4], mask)


def directed(outlines: Any) -> Any:
    """All edges of all rings, as they go."""
    rings = [ring.tolist() for mask in outlines for polygon in mask for ring in polygon]
    return [(*start, *end) for ring in rings for start, end in zip(ring, ring[1:] + ring[:1])]


def test_simplified(context: ctm.Context) -> None:
    rows, columns = np.indices((90, 120))
    pixels = (np.hypot(rows - 40, columns - 60) < 30).astype(np.uint8) + (rows * 3 > columns)
    exact = context.analyze(pixels, outputs=["palette"], outlines=4)
    simple = context.analyze(pixels, outputs=["palette"], outlines=4, outlines_tolerance=1.25)
    assert exact.outlines is not None and simple.outlines is not None
    assert len(simple.outlines.points) < len(exact.outlines.points) / 4
    np.testing.assert_array_equal(exact.outlines.mask_offsets, simple.outlines.mask_offsets)
    edges = directed(simple.outlines)
    inside = [edge for edge in edges if not (edge[0] == edge[2] in (0, 120) or edge[1] == edge[3] in (0, 90))]
    assert len(set(edges)) == len(edges) and {(*edge[2:], *edge[:2]) for edge in inside} == set(inside)
    segmentation = ctm.segment(pixels)
    np.testing.assert_array_equal(segmentation.simplified_outlines(1.25).points, simple.outlines.points)
    np.testing.assert_array_equal(segmentation.outlines.points, exact.outlines.points)
    for tolerance, error in ((-1, ctm.InvalidArgumentError), (np.inf, ctm.InvalidArgumentError), ("far", ctm.InvalidTypeError)):
        with pytest.raises(error, match="^outlines_tolerance is"):
            context.analyze(pixels, outlines=True, outlines_tolerance=tolerance)  # type: ignore[arg-type]


def test_coco_polygons() -> None:
    pixels = np.ones((9, 9), np.uint8)
    pixels[2:5, 3:6] = 2
    pixels[7:, :2] = 2
    coco = ctm.segment(pixels).to_coco(polygons=True)
    ring, squares = (annotation["segmentation"] for annotation in coco["annotations"])
    assert set(ring) == {"size", "counts"}  # it has a hole
    assert squares == [[3, 2, 6, 2, 6, 5, 3, 5], [0, 7, 2, 7, 2, 9, 0, 9]]
    stairs = ctm.segment(np.tri(50) + 1)
    polygons = [annotation["segmentation"] for annotation in stairs.to_coco(polygons=True, tolerance=1)["annotations"]]
    assert polygons == [[[0, 0, 1, 0, 50, 49, 50, 50, 0, 50]], [[1, 0, 50, 0, 50, 49]]]
    with pytest.raises(ctm.InvalidArgumentError, match="tolerance is 1; 0 is expected"):
        stairs.to_coco(tolerance=1)


def test_none_and_refused(context: ctm.Context) -> None:
    outlines = context.analyze(PIXELS, outputs=[], outlines=True, min_pixels=1000).outlines
    assert outlines is not None and len(outlines) == 0 and outlines.ring_offsets.tolist() == [0]
    assert context.analyze(PIXELS).outlines is None
    with pytest.raises(ctm.InvalidArgumentError, match="^outlines is 5"):
        context.analyze(PIXELS, outlines=5)
