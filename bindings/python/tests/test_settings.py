"""Each setting of analyze, on images that a reader can check by eye."""

from __future__ import annotations

from typing import Any

import ctm
import numpy as np
import pytest

# Columns of 4, 3, 2, 1 pixels: black, red, almost red, green.
ROW = [[0, 0, 0]] * 4 + [[255, 0, 0]] * 3 + [[250, 2, 0]] * 2 + [[0, 255, 0]]
IMAGE = np.array([ROW], np.uint8)


def columns(context: ctm.Context, image: Any = IMAGE, **settings: Any) -> list[list[int]]:
    """Each mask as the columns of its pixels."""
    return [np.nonzero(mask[0])[0].tolist() for mask in context.masks(image, **settings)]


BLACK, RED, ALMOST, GREEN = [0, 1, 2, 3], [4, 5, 6], [7, 8], [9]


def test_most_frequent(context: ctm.Context) -> None:
    assert columns(context) == [BLACK, RED, ALMOST, GREEN]
    assert columns(context, max_count=2) == [BLACK, RED]
    assert columns(context, min_pixels=3) == [BLACK, RED]


def test_palette_and_ignored(context: ctm.Context) -> None:
    assert columns(context, palette=[[0, 255, 0], [255, 0, 0]]) == [GREEN, RED]
    assert columns(context, palette=[[0, 255, 0, 99], [1, 2, 3, 99]]) == [GREEN, []]
    assert columns(context, ignored=np.zeros((1, 3))) == [RED, ALMOST, GREEN]
    assert columns(context, IMAGE[..., 0], ignored=[0, 250]) == [RED]


def test_near_colours(context: ctm.Context) -> None:
    assert columns(context, max_count=2, nearest="euclidean", tolerance=5) == [BLACK, RED]
    assert columns(context, max_count=2, nearest="euclidean", tolerance=5.4) == [BLACK, RED + ALMOST]
    assert columns(context, max_count=2, nearest="chebyshev", tolerance=5) == [BLACK, RED + ALMOST]


def test_unlisted_colours(context: ctm.Context) -> None:
    palette = [[0, 0, 0], [255, 0, 0]]
    assert columns(context, palette=palette) == [BLACK, RED]
    assert columns(context, palette=palette, unlisted="nearest") == [BLACK + GREEN, RED + ALMOST]
    result = context.analyze(IMAGE, palette=palette, unlisted_capacity=9, report_unlisted=True)
    assert result.unlisted is not None
    assert (result.unlisted_pixels, result.unlisted_colors) == (3, 2)
    assert result.unlisted["color"][:, :3].tolist() == [[250, 2, 0], [0, 255, 0]]
    assert result.unlisted["first_x"].tolist() == [7, 9]
    with pytest.raises(ctm.UnlistedColorsError) as caught:
        context.analyze(IMAGE, palette=palette, unlisted="error")
    assert "3 pixels" in str(caught.value) and caught.value.status == 10
    assert "the most frequent is (250, 2, 0), first at column 7, row 0" in str(caught.value)


def test_near_duplicates(context: ctm.Context) -> None:
    result = context.analyze(IMAGE, merge="chebyshev", merge_tolerance=5, merged_capacity=3)
    assert result.merged is not None and result.palette is not None
    assert result.palette["pixel_count"].tolist() == [5, 4, 1]
    assert (result.merged_pixels, result.merged_colors) == (2, 1)
    assert result.merged["color"][:, :3].tolist() == [[250, 2, 0]]
    assert result.merged["into"][:, :3].tolist() == [[255, 0, 0]]
    assert columns(context, merge="euclidean", merge_tolerance=5, max_count=2) == [BLACK, RED]
    assert columns(context, merge="euclidean", merge_tolerance=300, merge_most_pixels=1) == [BLACK + GREEN, RED, ALMOST]


def test_matching(context: ctm.Context) -> None:
    image = np.array([[0.5, 0.5001, 1.0, 2.0]], np.float32)
    assert columns(context, image) == [[0], [1], [2], [3]]
    assert columns(context, image, matching="8-bit") == [[0, 1], [2, 3]]


def test_alpha(context: ctm.Context) -> None:
    image = np.array([[[1, 9], [1, 200], [2, 200]]], np.uint8)
    assert columns(context, image) == [[0], [1], [2]]
    assert columns(context, image, alpha="ignored") == [[0, 1], [2]]
    assert columns(context, image, alpha="at_least", least_alpha=100) == [[1], [2]]
    assert columns(context, image, alpha="ignored", palette=[2]) == [[2]]


def test_rectangle(context: ctm.Context) -> None:
    result = context.analyze(np.repeat(IMAGE, 5, 0), rectangle=(3, 1, 5, 2), outputs=["masks", "labels"])
    assert result.masks is not None and result.labels is not None
    assert result.masks.shape == (3, 2, 5)
    assert result.labels.tolist() == [[3, 1, 1, 1, 2]] * 2 or result.labels.tolist() == [[2, 1, 1, 1, 3]] * 2


def test_first_of_a_batch(context: ctm.Context) -> None:
    images = np.array([[[1, 1, 2]], [[2, 3, 3]]], np.uint8)
    assert context.masks(images, layout="NHW").tolist() == [
        [[[1, 1, 0]], [[0, 0, 0]]],
        [[[0, 0, 1]], [[1, 0, 0]]],
        [[[0, 0, 0]], [[0, 1, 1]]],
    ]
    assert context.masks(images, layout="NHW", batch="first").tolist() == [
        [[[1, 1, 0]], [[0, 0, 0]]],
        [[[0, 0, 1]], [[1, 0, 0]]],
    ]


def test_each_of_a_batch(context: ctm.Context) -> None:
    images = np.array([[[1, 1, 2]], [[3, 3, 3]]], np.uint8)
    result = context.analyze(images, layout="NHW", batch="each")
    assert result.masks is not None and result.palette is not None
    assert result.masks.tolist() == [[[[1, 1, 0]], [[1, 1, 1]]], [[[0, 0, 1]], [[0, 0, 0]]]]
    assert result.palette["color"][..., 0].tolist() == [[1, 3], [2, 0]]


def test_connected_regions(context: ctm.Context) -> None:
    image = np.array([[1, 1, 0, 1], [0, 0, 1, 0]], np.uint8)
    assert [mask.tolist() for mask in context.masks(image, ignored=[0], connected=4, mask_format="bool")] == [
        [[True, True, False, False], [False] * 4],
        [[False, False, False, True], [False] * 4],
        [[False] * 4, [False, False, True, False]],
    ]
    assert len(context.masks(image, ignored=[0], connected=8)) == 1
    assert len(context.masks(image, palette=[1], connected=4)) == 3
    with pytest.raises(ValueError, match="^connected is 5"):
        context.masks(image, connected=5)


def test_unmixed_edges(context: ctm.Context) -> None:
    image = np.array([[0.0, 0.0, 0.25, 1.0, 1.0]], np.float32)
    result = context.analyze(image, min_pixels=2, unmix_radius=1, mask_format="coverage")
    assert result.masks is not None and result.masks.dtype == np.float32
    assert result.masks[:, 0].tolist() == [[1, 1, 0.75, 0, 0], [0, 0, 0.25, 1, 1]]


def test_absorbed_regions(context: ctm.Context) -> None:
    image = np.array([[1, 1, 1, 1, 1], [1, 2, 1, 0, 1], [1, 1, 1, 1, 3], [1, 1, 1, 3, 3]], np.uint8)
    cleaned = np.where((image == 2) | (image == 0), 1, image)
    result = context.analyze(image, ignored=[0], absorb_pixels=3, absorb_unmasked=2, outputs=["labels", "palette"])
    assert result.labels is not None and result.palette is not None
    assert (result.labels == np.where(cleaned == 1, 1, 2)).all()
    assert result.palette["pixel_count"].tolist() == [17, 3, 0]
    assert (result.absorbed_regions, result.absorbed_pixels, result.filled_holes, result.filled_pixels) == (2, 2, 0, 0)
    # Nothing but its corners connects one 3 with the others, unless these count.
    parted = np.where(image == 3, [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 3], [0, 0, 0, 3, 1]], image).astype(np.uint8)
    for connected, count in ((4, 0), (8, 2)):
        result = context.analyze(parted, palette=[3, 1, 2, 0], absorb_pixels=2, absorb_connected=connected, outputs=["palette"])
        assert result.palette is not None and result.palette["pixel_count"].tolist() == [count, 20 - count, 0, 0]
    # The 0 touches a 3 by a corner, through which it is open where masks are connected by sides.
    assert context.segment(image, fill_holes=1).counts.tolist() == [16, 3, 1, 0]
    assert context.segment(image, fill_holes=1, absorb_connected=8).counts.tolist() == [17, 3, 0, 0]
    assert context.masks(image, absorb_pixels=3, connected=4).shape[0] == 2
    with pytest.raises(ValueError, match="^absorb_connected is 5"):
        context.masks(image, absorb_connected=5)
    with pytest.raises(ValueError, match="fill_holes is -1"):
        context.masks(image, fill_holes=-1)


def test_errors_name_the_function_that_was_called(cpu: ctm.Context) -> None:
    calls: list[tuple[Any, str, tuple[Any, ...]]] = [
        (ctm.segment, "segment", (IMAGE,)),
        (ctm.masks, "masks", (IMAGE,)),
        (ctm.analyze, "analyze", (IMAGE,)),
        (cpu.segment, "Context.segment", ([IMAGE],)),
        (cpu.masks, "Context.masks", (IMAGE,)),
        (cpu.analyze, "Context.analyze", (IMAGE,)),
        (ctm.Counts(cpu).select, "Counts.select", ()),
        (ctm.Regions(cpu, (4, 4)).add, "Regions.add", (IMAGE, (0, 0))),
        (ctm.Regions(cpu, (4, 4)).select, "Regions.select", ()),
    ]
    for call, name, arguments in calls:
        with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected keyword argument 'min_pixel'"):
            call(*arguments, min_pixel=3)
    for option in ("tolerance", "merge_tolerance", "least_alpha", "outlines_tolerance"):
        with pytest.raises(ctm.InvalidTypeError, match=f"{option} is '10'; a number is expected"):
            cpu.analyze(IMAGE, outlines=True, **{option: "10"})  # type: ignore[arg-type]


def test_counters(context: ctm.Context) -> None:
    context.masks(IMAGE)
    counters = context.counters()
    assert counters["pixels_read"] >= IMAGE.size // 3
    assert (counters["dispatches"] > 0) == (context.backend == "vulkan")


def test_pipeline_cache(context: ctm.Context) -> None:
    cache = context.pipeline_cache()
    assert (len(cache) > 0) == (context.backend == "vulkan")
    name = None if context.backend == "cpu" else "llvmpipe"
    with ctm.Context(context.backend, device=name, pipeline_cache=cache) as other:
        assert columns(other) == [BLACK, RED, ALMOST, GREEN]


def test_the_default_context() -> None:
    assert columns(ctm, max_count=1) == [BLACK]  # type: ignore[arg-type]
    assert ctm.analyze(IMAGE).mask_count == 4
    assert ctm.default_context() is ctm.default_context()


def test_memory_limit_and_threads() -> None:
    with ctm.Context("cpu", threads=1, memory_limit=32 << 20) as context:
        assert "1 thread" in context.device_name
        assert columns(context) == [BLACK, RED, ALMOST, GREEN]
