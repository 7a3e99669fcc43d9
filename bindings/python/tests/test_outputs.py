"""Formats, arrays of the caller's, and arrays of a likely size that turn out too small."""

from __future__ import annotations

from typing import Any

import ctm
import numpy as np
import pytest
from conftest import oracle

PIXELS = np.random.default_rng(3).integers(0, 3, (10, 13, 2)).astype(np.uint8)  # 9 colours
MASKS = oracle(PIXELS)[2]


def shapes(*shape: int, dtype: Any = np.uint8) -> Any:
    return np.full(shape, 77, dtype)


@pytest.mark.parametrize(("name", "dtype", "inside"), [("float32", np.float32, 1), ("uint8", np.uint8, 255), ("bool", np.bool_, True)])
def test_mask_formats(context: ctm.Context, name: str, dtype: Any, inside: Any) -> None:
    masks = context.masks(PIXELS, mask_format=name)
    assert masks.dtype == dtype
    np.testing.assert_array_equal(masks, MASKS * dtype(inside))


def test_bits(context: ctm.Context) -> None:
    bits = context.masks(PIXELS, mask_format="bits")
    assert bits.shape == (9, 10, 2)
    np.testing.assert_array_equal(np.unpackbits(bits, axis=-1, count=13), MASKS)


@pytest.mark.parametrize("name", ["uint8", "uint16", "uint32"])
def test_label_formats(context: ctm.Context, name: str) -> None:
    result = context.analyze(PIXELS, outputs=["labels"], label_format=name, max_count=4)
    assert result.masks is None and result.palette is None and result.labels is not None
    assert result.labels.dtype == name
    np.testing.assert_array_equal(result.labels, sum(MASKS[i] * (i + 1) for i in range(4)))


@pytest.mark.parametrize(("colors", "dtype"), [(255, np.uint8), (256, np.uint16), (65_535, np.uint16), (65_536, np.uint32)])
def test_labels_are_as_small_as_they_can_be(cpu: ctm.Context, colors: int, dtype: Any) -> None:
    pixels = np.arange(colors, dtype=np.float32).reshape(1, -1)
    labels = cpu.analyze(pixels, outputs=["labels", "palette"]).labels
    assert labels is not None and labels.dtype == dtype
    np.testing.assert_array_equal(labels[0], np.arange(1, colors + 1))


def test_more_masks_than_guessed(context: ctm.Context) -> None:
    pixels = np.arange(400, dtype=np.uint16).reshape(20, 20)
    with ctm.Context(backend="cpu") as new:
        for _ in range(2):  # The second call knows how many there were.
            result = new.analyze(pixels, outputs=["masks", "labels", "palette"])
            assert result.masks is not None and result.palette is not None
            assert result.masks.shape == (400, 20, 20)
            np.testing.assert_array_equal(result.palette["color"][:, 0], np.arange(400))
            assert result.distinct_colors == 400


def test_no_mask(context: ctm.Context) -> None:
    for settings in ({"max_count": 0}, {"min_pixels": 1000}, {"min_pixels": 2**64 - 1}, {"palette": []}):
        result = context.analyze(PIXELS, outputs=["masks", "labels", "palette"], **settings)
        assert result.masks is not None and result.labels is not None and result.palette is not None
        assert result.mask_count == 0 and result.masks.shape == (0, 10, 13) and result.palette.shape == (0,)
        assert not result.labels.any()


OUT = {
    "contiguous": shapes(12, 10, 13),
    "exactly enough": shapes(9, 10, 13),
    "rows with gaps": shapes(12, 10, 20)[:, :, 3:16],
    "bottom up": shapes(12, 10, 13)[:, ::-1],
    "every second mask": shapes(24, 10, 13)[::2],
    "part of larger ones": shapes(12, 30, 40)[:, 10:20, 20:33],
    "float32": shapes(12, 10, 20, dtype=np.float32)[:, :, 3:16],
    "bool": shapes(12, 10, 13, dtype=np.uint8).view(np.bool_),
}


@pytest.mark.parametrize("name", OUT)
def test_masks_into_an_array(context: ctm.Context, name: str) -> None:
    out = OUT[name]
    memory = out if out.base is None else out.base
    memory.view(np.uint8 if memory.dtype == bool else memory.dtype)[...] = 77
    result = context.analyze(PIXELS, out_masks=out)
    assert result.masks is not None and np.shares_memory(result.masks, out) and result.masks.shape == (9, 10, 13)
    inside = 255 if out.dtype == np.uint8 else 1
    np.testing.assert_array_equal(out[:9].astype(int), MASKS * inside)
    # Nothing else was touched.
    out.view(np.uint8 if out.dtype == bool else out.dtype)[:9] = 77
    assert (memory == 77).all() or memory.dtype == bool


def test_bits_into_an_array(context: ctm.Context) -> None:
    out = shapes(9, 10, 2)
    context.analyze(PIXELS, out_masks=out, mask_format="bits")
    np.testing.assert_array_equal(np.unpackbits(out, axis=-1, count=13), MASKS)


@pytest.mark.parametrize("mask_first", [True, False])
def test_masks_of_several_images_into_an_array(context: ctm.Context, mask_first: bool) -> None:
    images = np.stack([PIXELS, PIXELS[::-1]])
    memory = shapes(9, 2, 10, 13) if mask_first else shapes(2, 9, 10, 13).transpose(1, 0, 2, 3)
    context.analyze(images, out_masks=memory)
    np.testing.assert_array_equal(memory, np.stack([MASKS, MASKS[:, ::-1]], 1) * 255)


def test_labels_into_an_array(context: ctm.Context) -> None:
    out = shapes(10, 13, dtype=np.uint16)
    result = context.analyze(PIXELS, out_labels=out, outputs=[])
    assert result.labels is out
    np.testing.assert_array_equal(out, sum(MASKS[i] * (i + 1) for i in range(9)))


def test_arrays_that_do_not_fit(context: ctm.Context) -> None:
    read_only = shapes(9, 10, 13)
    read_only.flags.writeable = False
    refused: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (ctm.BufferTooSmallError, "out_masks has room for 8 masks; there are 9", {"out_masks": shapes(8, 10, 13)}),
        (ctm.BufferTooSmallError, "out_masks has room for 2 masks; there are 9", {"out_masks": shapes(2, 10, 20)[..., :13]}),
        (ctm.BufferTooSmallError, "out_masks has room for 0 masks; there are 9", {"out_masks": shapes(0, 10, 13)}),
        (ctm.InvalidArgumentError, r"out_masks .*shape \(9, 13, 10\); uint8 and \(masks, 10, 13\)", {"out_masks": shapes(9, 13, 10)}),
        (
            ctm.InvalidTypeError,
            "out_masks has values of type float64; float32, uint8 or bool is expected",
            {"out_masks": shapes(9, 10, 13, dtype=np.float64)},
        ),
        (ctm.InvalidArgumentError, "uint8 and the shape", {"out_masks": shapes(9, 10, 13), "mask_format": "float32"}),
        (ctm.InvalidArgumentError, "values side by side", {"out_masks": shapes(10, 13, 9).transpose(2, 0, 1)}),
        (ctm.InvalidArgumentError, "values side by side", {"out_masks": shapes(9, 10, 26)[..., ::2]}),
        (ctm.InvalidArgumentError, "no negative stride but that of rows", {"out_masks": shapes(9, 10, 13)[::-1]}),
        (ctm.InvalidTypeError, "out_masks is read-only", {"out_masks": read_only}),
        (
            ctm.InvalidTypeError,
            "out_labels has values of type int32; uint8, uint16 or uint32 is expected",
            {"out_labels": shapes(10, 13, dtype=np.int32)},
        ),
        (ctm.InvalidArgumentError, "not contiguous", {"out_labels": shapes(10, 26)[:, ::2]}),
        (ctm.InvalidArgumentError, "cropped", {"out_masks": shapes(9, 10, 13), "cropped": True}),
    ]
    for error, text, settings in refused:
        with pytest.raises(error, match=text):
            context.analyze(PIXELS, **settings)


def test_the_image_itself_is_no_place_for_labels(context: ctm.Context) -> None:
    pixels = PIXELS[..., 0].copy()
    with pytest.raises(ctm.InvalidArgumentError, match="overlap"):
        context.analyze(pixels, out_labels=pixels)


@pytest.mark.parametrize("name", ["float32", "uint8", "bool", "bits"])
def test_cropped(context: ctm.Context, world: Any, name: str) -> None:
    settings: dict[str, Any] = {"max_count": 20, "mask_format": name}
    result = context.analyze(world, cropped=True, outputs=["masks", "palette", "labels"], **settings)
    whole = context.masks(world, **settings)
    assert result.masks is None and result.crops is not None and result.palette is not None
    assert len(result.crops) == 20
    for crop, mask, entry in zip(result.crops, whole, result.palette):
        left, top, width, height = (int(entry[side]) for side in ("left", "top", "width", "height"))
        if name == "bits":
            crop, mask = np.unpackbits(crop, axis=-1, count=width), np.unpackbits(mask, axis=-1, count=2048)
        np.testing.assert_array_equal(crop, mask[top : top + height, left : left + width])


def test_cropped_of_several_images(context: ctm.Context) -> None:
    images = np.zeros((2, 6, 8), np.uint8)
    images[0, 1:3, 2:7] = 1
    result = context.analyze(images, layout="NHW", ignored=[0], cropped=True, mask_format="bool")
    assert result.crops is not None
    assert [[crop.shape for crop in crops] for crops in result.crops] == [[(2, 5), (0, 0)]]
    assert result.crops[0][0].all()
